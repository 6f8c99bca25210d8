package console

import (
	"time"

	"qkms/internal/oversight"
)

// A deployment is what the page about it is made of.
type deployment struct {
	oversight.Deployment
	Now time.Time
}

// Since is how long ago t was.
func (d deployment) Since(t time.Time) time.Duration { return max(d.Now.Sub(t), 0) }

// old is when a backup, or a look at one, is so old that somebody should hear of it.
const old = 7 * 24 * time.Hour

// Stale reports whether no backup was verified for long.
func (d deployment) Stale() bool { return d.LastVerified.IsZero() || d.Since(d.LastVerified) > old }

// Late reports whether a sink is so far behind that something is wrong with it.
func (d deployment) Late(s oversight.Sink) bool {
	return s.LastError != "" || !s.Oldest.IsZero() && d.Since(s.Oldest) > 15*time.Minute
}

// clusterPage says how the deployment is, for operators.
func (v *visit) clusterPage() error {
	d := deployment{Now: v.Now()}
	if err := v.query(oversight.Signing, "DescribeDeployment", &d.Deployment); err != nil {
		return err
	}
	return v.page("cluster", "Cluster", d)
}
