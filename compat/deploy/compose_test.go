package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed reads the compose file as Compose does.
func composed(t *testing.T) *types.Project {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(root, "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  dir,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(dir, "compose.yaml")}},
		Environment: types.Mapping{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = p.WithProfiles([]string{"*"}); err != nil { // as if each service were named
		t.Fatal(err)
	}
	return p
}

func ours(p *types.Project) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		if p.Services[name].Image == "qkms" {
			names = append(names, name)
		}
	}
	return names
}

func TestComposeContainersAreConfined(t *testing.T) {
	p := composed(t)
	if got, want := ours(p), []string{"init", "migrate", "node1", "node2", "node3"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for _, name := range append(ours(p), "balancer") {
		s := p.Services[name]
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Equal(s.SecurityOpt, []string{"no-new-privileges:true"}) || s.Privileged {
			t.Errorf("%s may do more than it has to", name)
		}
	}
	for name, s := range p.Services {
		if len(s.Ports) > 0 && name != "balancer" {
			t.Errorf("%s is published", name)
		}
	}
	if out := p.Services["balancer"].Ports[0]; out.HostIP != "127.0.0.1" || out.Target != 8443 {
		t.Errorf("got %s:%d published, want 127.0.0.1 unless told otherwise", out.HostIP, out.Target)
	}
	if got := p.Services["db"].NetworkMode; got != "none" {
		t.Errorf("got a database in network %q, want none: it trusts whoever reaches it", got)
	}
}

// A node's audit log is its own, and it cannot change the root key that all have.
func TestComposeVolumes(t *testing.T) {
	p := composed(t)
	users := map[string][]string{} // of volumes that can be written
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeVolume && !v.ReadOnly && v.Source != "socket" {
				users[v.Source] = append(users[v.Source], name)
			}
		}
	}
	want := map[string][]string{"keys": {"init"}, "db": {"db"}, "data1": {"node1"}, "data2": {"node2"}, "data3": {"node3"}}
	if !maps.EqualFunc(users, want, slices.Equal) {
		t.Errorf("got %v, want %v", users, want)
	}
}

// Nodes wait for what they need, and have time to end.
func TestComposeOrder(t *testing.T) {
	p := composed(t)
	for _, name := range []string{"node1", "node2", "node3"} {
		s := p.Services[name]
		if got := s.DependsOn["init"].Condition; got != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s waits for init to be %s", name, got)
		}
		if got := seconds(s.StopGracePeriod); got < 5+30+15 {
			t.Errorf("%s has %v s to end, want the drain, 30 s and some", name, got)
		}
	}
	for _, name := range []string{"init", "migrate"} {
		if got := p.Services[name].DependsOn["db"].Condition; got != types.ServiceConditionHealthy {
			t.Errorf("%s waits for db to be %s", name, got)
		}
	}
	if got := p.Services["migrate"].Profiles; len(got) == 0 {
		t.Error("migrate is run by `up`, where nothing waits for it")
	}
}

func seconds(d *types.Duration) float64 {
	if d == nil {
		return 0
	}
	return time.Duration(*d).Seconds()
}

// The balancer knows each node by its name and asks where nodes answer. (What else it understands only HAProxy can say:
// haproxy -c -f deploy/haproxy.cfg.)
func TestBalancerAsksEachNode(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "deploy", "haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	p := composed(t)
	for _, name := range []string{"node1", "node2", "node3"} {
		if !strings.Contains(string(text), "\tserver "+name+" "+name+":8443\n") {
			t.Errorf("no server %s", name)
		}
		if _, port, _ := strings.Cut(argument(t, p.Services[name].Command, "--metrics-listen"), ":"); !strings.Contains(string(text), " check port "+port+" ") {
			t.Errorf("%s is not asked at port %s", name, port)
		}
	}
	for _, want := range []string{"\tmode tcp\n", "\toption httpchk GET /readyz\n", "\tbind :8443\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no line %q", want)
		}
	}
}
