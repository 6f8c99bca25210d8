package deploy_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = "../../deploy/helm/qkms"

// least is what an operator has to say.
const least = `
image: qkms:test
rootKey: {existingSecret: root}
store: {existingSecret: db-app}
tls: {existingSecret: qkms-tls}
`

// most says something else of what has a default.
const most = `
image: qkms:test
imagePullSecrets: [{name: pull}]
rootKey: {existingSecret: root, key: other.key}
store: {existingSecret: db-app, key: url, port: 6432, replication: none, ca: {existingSecret: db-ca}}
tls: {existingSecret: qkms-tls}
replicas: 5
regions: [us-east-1, eu-central-1]
stalenessBound: 2m30s
drainDelaySeconds: 5
audit: {spoolMiB: 100, sinks: ["stdout:"], retention: 90d}
extraArgs: [--rates=none, "--quota=keys=10"]
extraEnv: [{name: PGCONNECT_TIMEOUT, value: "3"}]
extraVolumes: [{name: more, emptyDir: {}}]
extraVolumeMounts: [{name: more, mountPath: /more}]
persistence: {size: 20Gi, storageClass: fast}
service: {type: LoadBalancer, port: 443, annotations: {a: b}}
user: 4000000000
networkPolicy:
  clients: [{podSelector: {}}]
  metrics: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  store: [{ipBlock: {cidr: 192.0.2.0/24}}]
  egress: [{ports: [{port: 443}]}]
serviceMonitor: {enabled: true, labels: {release: prometheus}}
podAnnotations: {a: b}
podLabels: {c: d}
nodeSelector: {e: f}
tolerations: [{operator: Exists}]
affinity: {nodeAffinity: {}}
priorityClassName: high
serviceAccountName: nobody
`

// A release is what a chart makes of values, by type.
type release struct {
	nodes    *appsv1.StatefulSet
	jobs     []*batchv1.Job
	services []*corev1.Service
	budgets  []*policyv1.PodDisruptionBudget
	policies []*networkingv1.NetworkPolicy
	monitors []*monitor
	notes    string
}

// A monitor is what the chart has of prometheus-operator's ServiceMonitor.
type monitor struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`
	Spec            struct {
		Selector  metav1.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// install renders the chart as `helm install qkms` does, with the schema of its values.
func install(values string) (*release, error) {
	c, err := loader.Load(chartDir)
	if err != nil {
		return nil, err
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: "qkms", Namespace: "keys", IsInstall: true}
	vals, err := chartutil.ToRenderValues(c, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(c, vals)
	if err != nil {
		return nil, err
	}
	r := &release{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if path.Base(name) == "NOTES.txt" {
			r.notes = files[name]
			continue
		}
		if err := r.read(files[name]); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", name, err, files[name])
		}
	}
	return r, nil
}

func installed(t *testing.T, values string) *release {
	t.Helper()
	r, err := install(values)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read decodes a file's documents by Kubernetes' own types, strictly: a field that does not exist is an error, where an
// API server would drop it with a warning that nobody reads.
func (r *release) read(file string) error {
	for doc := range strings.SplitSeq(file, "\n---") {
		var is metav1.TypeMeta
		err := yaml.Unmarshal([]byte(doc), &is)
		if err == nil {
			err = r.add(is, []byte(doc))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *release) add(is metav1.TypeMeta, doc []byte) (err error) {
	switch is.APIVersion + " " + is.Kind {
	case " ": // a template that renders nothing
	case "apps/v1 StatefulSet":
		r.nodes, err = decode[appsv1.StatefulSet](doc)
	case "batch/v1 Job":
		r.jobs, err = another(r.jobs, doc)
	case "v1 Service":
		r.services, err = another(r.services, doc)
	case "policy/v1 PodDisruptionBudget":
		r.budgets, err = another(r.budgets, doc)
	case "networking.k8s.io/v1 NetworkPolicy":
		r.policies, err = another(r.policies, doc)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		r.monitors, err = another(r.monitors, doc)
	default:
		err = fmt.Errorf("no test looks at a %s of %s", is.Kind, is.APIVersion)
	}
	return err
}

func another[T any](all []*T, doc []byte) ([]*T, error) {
	one, err := decode[T](doc)
	return append(all, one), err
}

func decode[T any](doc []byte) (*T, error) {
	one := new(T)
	return one, yaml.UnmarshalStrict(doc, one)
}

// pods are the templates of all pods, by the name of what makes them.
func (r *release) pods() map[string]corev1.PodTemplateSpec {
	all := map[string]corev1.PodTemplateSpec{r.nodes.Name: r.nodes.Spec.Template}
	for _, j := range r.jobs {
		all[j.Name] = j.Spec.Template
	}
	return all
}

// job is the pod of a Job that is run at a point of a release's life.
func (r *release) job(t *testing.T, name, hook string) corev1.PodSpec {
	t.Helper()
	for _, j := range r.jobs {
		if j.Name == name && j.Annotations["helm.sh/hook"] == hook {
			return j.Spec.Template.Spec
		}
	}
	t.Fatalf("no Job %s is run at %s", name, hook)
	return corev1.PodSpec{}
}

// What has no default is asked for in words, and what is misspelt is not taken for a default.
func TestChartSaysWhatIsMissing(t *testing.T) {
	for _, test := range []struct{ name, values, want string }{
		{"image", strings.Replace(least, "image: qkms:test", "", 1), "image: an image made by deploy/Containerfile"},
		{"root key", strings.Replace(least, "rootKey: {existingSecret: root}", "", 1), "rootKey.existingSecret: the Secret with the root key"},
		{"store", strings.Replace(least, "store: {existingSecret: db-app}", "", 1), "store.existingSecret: the Secret with the URL"},
		{"TLS", strings.Replace(least, "tls: {existingSecret: qkms-tls}", "", 1), "tls.existingSecret: a Secret of type kubernetes.io/tls"},
		{"misspelt", least + "replica: 5", "additional properties 'replica' not allowed"},
		{"misspelt below", least + "networkPolicy: {client: []}", "additional properties 'client' not allowed"},
		{"secret as a value", strings.Replace(least, "existingSecret: root", "value: qkms-root-key-v1:AAAA", 1), "additional properties 'value' not allowed"},
		{"no time to drain", least + "drainDelaySeconds: 0", "minimum"},
		{"root", least + "user: 0", "minimum"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := install(test.values)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
