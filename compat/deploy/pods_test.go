package deploy_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// eachRelease runs a test on what the chart makes of the least and of the most values.
func eachRelease(t *testing.T, test func(*testing.T, *release)) {
	for name, values := range map[string]string{"least": least, "most": most} {
		t.Run(name, func(t *testing.T) { test(t, installed(t, values)) })
	}
}

// The profile "restricted" of Kubernetes' Pod Security Standards, a root that cannot be written, and no token.
func TestPodsAreRestricted(t *testing.T) {
	eachRelease(t, func(t *testing.T, r *release) {
		for name, pod := range r.pods() {
			for what, is := range restrictions(pod.Spec) {
				if !is {
					t.Errorf("%s: not %s", name, what)
				}
			}
		}
	})
}

func restrictions(p corev1.PodSpec) map[string]bool {
	pod, c := p.SecurityContext, p.Containers[0].SecurityContext
	return map[string]bool{
		"one container":               len(p.Containers) == 1 && len(p.InitContainers) == 0,
		"runAsNonRoot":                *pod.RunAsNonRoot && *pod.RunAsUser > 0 && *pod.RunAsGroup > 0,
		"seccomp RuntimeDefault":      pod.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"fsGroup on mismatch alone":   *pod.FSGroup > 0 && *pod.FSGroupChangePolicy == corev1.FSGroupChangeOnRootMismatch,
		"without privilege":           !*c.AllowPrivilegeEscalation && c.Privileged == nil,
		"read-only root":              *c.ReadOnlyRootFilesystem,
		"without capabilities":        slices.Equal(c.Capabilities.Drop, []corev1.Capability{"ALL"}) && c.Capabilities.Add == nil,
		"apart from the host":         !p.HostNetwork && !p.HostPID && !p.HostIPC,
		"without a token":             !*p.AutomountServiceAccountToken,
		"without Services' variables": !*p.EnableServiceLinks,
		"with a limit of memory":      !p.Containers[0].Resources.Limits.Memory().IsZero(),
	}
}

// Secrets are mounted for nobody but the group of the pod, and are in no variable.
func TestSecretsAreFiles(t *testing.T) {
	eachRelease(t, func(t *testing.T, r *release) {
		for name, pod := range r.pods() {
			for _, e := range pod.Spec.Containers[0].Env {
				if e.ValueFrom != nil {
					t.Errorf("%s: $%s is from elsewhere", name, e.Name)
				}
			}
			for _, v := range pod.Spec.Volumes {
				if v.Projected != nil && *v.Projected.DefaultMode != 0o440 || v.Secret != nil && *v.Secret.DefaultMode != 0o440 {
					t.Errorf("%s: volume %s has another mode than 0440", name, v.Name)
				}
			}
		}
	})
}

func TestProbesAskTheMonitoringListener(t *testing.T) {
	eachRelease(t, func(t *testing.T, r *release) {
		c := r.nodes.Spec.Template.Spec.Containers[0]
		if got, want := argument(t, c.Args, "--listen"), ":8443"; got != want || port(t, c, "api") != 8443 {
			t.Errorf("got --listen %s and port %d, want %s", got, port(t, c, "api"), want)
		}
		if got, want := argument(t, c.Args, "--metrics-listen"), ":9464"; got != want || port(t, c, "metrics") != 9464 {
			t.Errorf("got --metrics-listen %s and port %d, want %s", got, port(t, c, "metrics"), want)
		}
		for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if get := probe.HTTPGet; get.Path != path || get.Port.String() != "metrics" {
				t.Errorf("got a probe of %s at %s, want %s at metrics", get.Path, get.Port.String(), path)
			}
		}
		if c.StartupProbe.HTTPGet.Path != "/healthz" {
			t.Errorf("got a startup probe of %s, want /healthz: a database that is away is no reason to restart", c.StartupProbe.HTTPGet.Path)
		}
	})
}

// A node has the time that it takes: the drain, 30 s for requests that have begun, and some to close.
func TestNodesMayEndInPeace(t *testing.T) {
	for values, want := range map[string]int64{least: 10 + 30 + 15, most: 5 + 30 + 15} {
		if got := *installed(t, values).nodes.Spec.Template.Spec.TerminationGracePeriodSeconds; got != want {
			t.Errorf("got %d s, want %d", got, want)
		}
	}
}

func TestAuditLogsStay(t *testing.T) {
	eachRelease(t, func(t *testing.T, r *release) {
		keep := r.nodes.Spec.PersistentVolumeClaimRetentionPolicy
		if keep.WhenDeleted != "Retain" || keep.WhenScaled != "Retain" {
			t.Errorf("got %+v, want both retained", keep)
		}
		if c := r.nodes.Spec.VolumeClaimTemplates[0]; c.Name != "data" || len(c.Labels) > 0 {
			t.Errorf("got a claim %s with labels %v, which cannot be changed later; want data without", c.Name, c.Labels)
		}
	})
}

func TestSelectors(t *testing.T) {
	eachRelease(t, func(t *testing.T, r *release) {
		node := r.nodes.Spec.Template.Labels
		if !selects(t, r.nodes.Spec.Selector, node) {
			t.Error("the StatefulSet does not select its own pods")
		}
		if b := r.budgets[0].Spec; !selects(t, b.Selector, node) || b.MaxUnavailable.IntValue() != 1 {
			t.Errorf("got a budget of %v for %v, want one node at a time", b.MaxUnavailable, b.Selector)
		}
		for _, s := range r.nodes.Spec.Template.Spec.TopologySpreadConstraints {
			if !selects(t, s.LabelSelector, node) {
				t.Errorf("what is spread over %s is not the nodes", s.TopologyKey)
			}
		}
		for _, s := range r.services {
			for name, pod := range r.pods() {
				if got, want := labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)), name == r.nodes.Name; got != want {
					t.Errorf("Service %s has %s: got %t, want %t", s.Name, name, got, want)
				}
			}
			for _, p := range s.Spec.Ports {
				port(t, r.nodes.Spec.Template.Spec.Containers[0], p.TargetPort.String())
			}
		}
		for _, m := range r.monitors {
			if !selects(t, &m.Spec.Selector, r.headless(t).Labels) || m.Spec.Endpoints[0].Port != "metrics" {
				t.Errorf("the ServiceMonitor does not find the metrics of %s", r.headless(t).Name)
			}
		}
	})
	if n := len(installed(t, most).monitors) - len(installed(t, least).monitors); n != 1 {
		t.Errorf("got %d ServiceMonitors more, want one when asked for", n)
	}
}

func (r *release) headless(t *testing.T) *corev1.Service {
	t.Helper()
	for _, s := range r.services {
		if s.Name == r.nodes.Spec.ServiceName && s.Spec.ClusterIP == corev1.ClusterIPNone {
			return s
		}
	}
	t.Fatalf("no Service %s gives the nodes names", r.nodes.Spec.ServiceName)
	return nil
}

// Every pod is under exactly one policy. Nobody gets to a Job; monitoring gets to the metrics only where it was named.
func TestNetworkPolicies(t *testing.T) {
	for _, test := range []struct {
		name, values    string
		metrics, others int // rules that let in to metrics; rules that let out besides DNS and the store
		store           int32
	}{
		{"least", least, 0, 0, 5432},
		{"most", most, 1, 1, 6432},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := installed(t, test.values)
			for name, pod := range r.pods() {
				p := r.policy(t, pod.Labels).Spec
				isNode := name == r.nodes.Name
				if len(p.PolicyTypes) != 2 {
					t.Fatalf("%s: got a policy of %v, want both ways", name, p.PolicyTypes)
				}
				if got, want := rules(p.Ingress, "api"), count(isNode, 1); got != want {
					t.Errorf("%s: got %d rules to the API, want %d", name, got, want)
				}
				if got, want := rules(p.Ingress, "metrics"), count(isNode, test.metrics); got != want {
					t.Errorf("%s: got %d rules to the metrics, want %d", name, got, want)
				}
				if got, want := len(p.Egress), 2+count(isNode, test.others); got != want || p.Egress[1].Ports[0].Port.IntVal != test.store {
					t.Errorf("%s: got %d rules out, the second to port %v; want %d, %d", name, got, p.Egress[1].Ports[0].Port, want, test.store)
				}
			}
		})
	}
	metrics := installed(t, most).policies
	for _, p := range metrics {
		for _, rule := range p.Spec.Ingress {
			if rule.Ports[0].Port.String() == "metrics" && len(rule.From) == 0 {
				t.Error("everybody may read metrics")
			}
		}
	}
}

func (r *release) policy(t *testing.T, pod map[string]string) (found *networkingv1.NetworkPolicy) {
	t.Helper()
	for _, p := range r.policies {
		if !selects(t, &p.Spec.PodSelector, pod) {
			continue
		}
		if found != nil {
			t.Fatalf("%s and %s are both about %v", found.Name, p.Name, pod)
		}
		found = p
	}
	if found == nil {
		t.Fatalf("no policy is about %v", pod)
	}
	return found
}

func rules(all []networkingv1.NetworkPolicyIngressRule, port string) (n int) {
	for _, rule := range all {
		for _, p := range rule.Ports {
			if p.Port.String() == port {
				n++
			}
		}
	}
	return n
}

func count(is bool, n int) int {
	if is {
		return n
	}
	return 0
}

func selects(t *testing.T, by *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(set))
}

// argument is the value of a flag, written --name=value as the manifests do.
func argument(t *testing.T, args []string, name string) string {
	t.Helper()
	for _, a := range args {
		if value, is := strings.CutPrefix(a, name+"="); is {
			return value
		}
	}
	t.Fatalf("no %s among %q", name, args)
	return ""
}

func port(t *testing.T, c corev1.Container, name string) int32 {
	t.Helper()
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	t.Fatalf("no port is named %q", name)
	return 0
}
