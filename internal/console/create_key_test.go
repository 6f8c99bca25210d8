package console_test

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/op"
)

var preformatted = regexp.MustCompile(`(?s)<h3>([A-Za-z]+)</h3>\s*<pre[^>]*>(.*?)</pre>`)

// requests are those that a page shows, compact, by their operations.
func (p *page) requests() map[string]string {
	p.t.Helper()
	all := map[string]string{}
	for _, m := range preformatted.FindAllStringSubmatch(p.text, -1) {
		var body any
		if err := json.Unmarshal([]byte(html.UnescapeString(m[2])), &body); err != nil {
			p.t.Fatalf("%s: %v: %s", m[1], err, m[2])
		}
		b, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		all[m[1]] = string(b)
	}
	return all
}

// Every kind of key can be chosen and, in a Region that has it, made, from the page alone.
func TestCreateKeyOfEveryKind(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	china := s.As(kmstest.Account).In("cn-north-1")
	b := signedIn(t, china)
	for _, k := range op.Kinds() {
		p := b.get("/console/create-key?for=" + string(k.Usage))
		p.want(http.StatusOK, `name="spec" value="`+string(k.Spec)+`"`)
		p = b.post("/console/create-key", "for", string(k.Usage), "spec", string(k.Spec), "origin", "AWS_KMS", "access", "account")
		id := madeBy(p)
		if m := china.Must("DescribeKey", map[string]string{"KeyId": id}); m.String("KeyMetadata.KeySpec") != string(k.Spec) || m.String("KeyMetadata.KeyUsage") != string(k.Usage) {
			t.Errorf("%s for %s: got %s", k.Spec, k.Usage, m.Raw)
		}
	}
}

// What each spec is, is said of each.
func TestEveryKindIsExplained(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.As(kmstest.Account))
	for _, k := range op.Kinds() {
		p := b.get("/console/create-key?for=" + string(k.Usage))
		if !regexp.MustCompile(`<span class="mono">` + string(k.Spec) + `</span><br><span class="small">[A-Z]`).MatchString(p.text) {
			t.Errorf("%s for %s: no line says what it is", k.Spec, k.Usage)
		}
		p.want(http.StatusOK, `<strong>`, `aria-current="true"`)
	}
}

var madeKey = regexp.MustCompile(`The key ([0-9a-z-]+) was made\.`)

// madeBy is the id of the key that a page says was made.
func madeBy(p *page) string {
	p.t.Helper()
	m := madeKey.FindStringSubmatch(p.text)
	if m == nil {
		p.t.Fatalf("%s: nothing says that a key was made: %d %s", p.res.Request.URL, p.res.StatusCode, p.text)
	}
	if want := "/console/keys/" + m[1]; p.res.Request.URL.Path != want {
		p.t.Errorf("after a key was made: at %s, want %s", p.res.Request.URL.Path, want)
	}
	return m[1]
}

// What is shown is what is sent, but for the id that is not known before.
func TestCreateKeySendsWhatItShows(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	ann := s.NewUser(kmstest.Account, "ann", "")
	s.Exists("role/app/reader")
	b := signedIn(t, root)
	b.get("/console/create-key").want(http.StatusOK, "user/ann", "role/app/reader", "SYMMETRIC_DEFAULT")
	fields := []string{
		"for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT", "origin", "AWS_KMS", "multi-region", "yes", "rotates", "yes", "days", "180",
		"alias", "orders", "description", "of <orders>", "tags", "team=shop\n\n stage = prod ", "access", "named",
		"administers", "arn:aws:iam::" + kmstest.Account + ":user/ann", "uses-more", "arn:aws:iam::" + kmstest.Account + ":role/app/reader\n",
	}
	before := len(root.Must("ListKeys", `{}`).Fields["Keys"].([]any))
	shown := b.post("/console/create-key/preview", fields...)
	shown.want(http.StatusOK, `value="180"`, "of &lt;orders&gt;", `value="yes" checked`)
	if n := len(root.Must("ListKeys", `{}`).Fields["Keys"].([]any)); n != before {
		t.Errorf("keys after a preview: got %d, want %d", n, before)
	}
	requests := shown.requests()

	p := b.post("/console/create-key", fields...)
	id := madeBy(p)
	for _, text := range []string{"It rotates by itself.", "It has the alias alias/orders."} {
		if !strings.Contains(p.text, text) {
			t.Errorf("no %q in %s", text, p.text)
		}
	}
	d := root.Must("DescribeKey", `{"KeyId":"alias/orders"}`)
	for path, want := range map[string]string{"KeyId": id, "Description": "of <orders>", "MultiRegion": "true"} {
		if got := d.String("KeyMetadata." + path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got, want := root.Must("ListResourceTags", map[string]string{"KeyId": id}).String("Tags"), `[{"TagKey":"stage","TagValue":"prod"},{"TagKey":"team","TagValue":"shop"}]`; got != want {
		t.Errorf("tags: got %s, want %s", got, want)
	}
	if got := root.Must("GetKeyRotationStatus", map[string]string{"KeyId": id}).String("RotationPeriodInDays"); got != "180" {
		t.Errorf("rotation: got every %s days, want 180", got)
	}
	var sent struct{ Policy string }
	if err := json.Unmarshal([]byte(requests["CreateKey"]), &sent); err != nil {
		t.Fatal(err)
	}
	if got := root.Must("GetKeyPolicy", map[string]string{"KeyId": id}).String("Policy"); compact(t, got) != compact(t, sent.Policy) {
		t.Errorf("policy: got %s, want what was shown: %s", got, sent.Policy)
	}
	if got, want := requests["CreateAlias"], `{"AliasName":"alias/orders","TargetKeyId":"(KeyId that CreateKey answers)"}`; got != want {
		t.Errorf("CreateAlias: got %s, want %s", got, want)
	}
	if got, want := requests["EnableKeyRotation"], `{"KeyId":"(KeyId that CreateKey answers)","RotationPeriodInDays":180}`; got != want {
		t.Errorf("EnableKeyRotation: got %s, want %s", got, want)
	}
	ann.Must("DescribeKey", map[string]string{"KeyId": id})
	if r := ann.Call("Encrypt", map[string]string{"KeyId": id, "Plaintext": "aGk="}); r.Code() != "AccessDeniedException" {
		t.Errorf("Encrypt by who administers: got %s, want a refusal", r.Raw)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A key whose alias is refused is there, and the page says both.
func TestCreateKeyWithoutItsAlias(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	old := create(root, `{}`)
	root.Must("CreateAlias", map[string]string{"AliasName": "alias/taken", "TargetKeyId": old})
	p := signedIn(t, root).post("/console/create-key", "for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT", "origin", "EXTERNAL", "alias", "alias/taken")
	id := madeBy(p)
	for _, text := range []string{"The alias alias/taken was not made: AlreadyExistsException", "The key is there without it", "before its material is imported"} {
		if !strings.Contains(p.text, text) {
			t.Errorf("no %q in %s", text, p.text)
		}
	}
	if got := root.Must("DescribeKey", map[string]string{"KeyId": id}).String("KeyMetadata.Origin"); got != "EXTERNAL" {
		t.Errorf("origin: got %s, want EXTERNAL", got)
	}
}

// What is refused comes back filled in, and nothing was made.
func TestCreateKeyComesBack(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	for name, row := range map[string]struct {
		fields []string
		status int
		says   string
	}{
		"SM2 outside China":       {[]string{"for", "SIGN_VERIFY", "spec", "SM2"}, 400, "SM2"},
		"a usage of another spec": {[]string{"for", "SIGN_VERIFY", "spec", "HMAC_256"}, 400, "ValidationException"},
		"no spec there is":        {[]string{"spec", "DES"}, 400, "ValidationException"},
		"ML-DSA to be imported":   {[]string{"for", "SIGN_VERIFY", "spec", "ML_DSA_65", "origin", "EXTERNAL"}, 400, "ML_DSA_65"},
		"an alias of AWS":         {[]string{"alias", "aws/x"}, 400, "alias/aws/"},
		"an alias with a blank":   {[]string{"alias", "a b"}, 400, "aliasName"},
		"a tag without a value":   {[]string{"tags", "team"}, 400, "name=value"},
		"a tag of AWS":            {[]string{"tags", "aws:x=y"}, 400, "TagException"},
		"RSA that rotates":        {[]string{"spec", "RSA_2048", "rotates", "yes"}, 400, "Automatic rotation"},
		"imported and rotates":    {[]string{"origin", "EXTERNAL", "rotates", "yes"}, 400, "Automatic rotation"},
		"a period too short":      {[]string{"rotates", "yes", "days", "12"}, 400, "90 to 2560"},
		"nobody there is":         {[]string{"access", "named", "uses-more", "arn:aws:iam::" + kmstest.Account + ":user/nobody"}, 400, "MalformedPolicyDocumentException"},
	} {
		t.Run(name, func(t *testing.T) {
			fields := append([]string{"for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT", "origin", "AWS_KMS", "description", "as I wrote it"}, row.fields...)
			p := b.post("/console/create-key", fields...)
			p.want(row.status, row.says, "as I wrote it", "<h1>Create key</h1>")
			if strings.Count(p.text, `role="alert"`) != 1 {
				t.Errorf("got %d refusals on the page, want one: %s", strings.Count(p.text, `role="alert"`), p.text)
			}
		})
	}
	if keys := root.Must("ListKeys", `{}`).String("Keys"); keys != "[]" {
		t.Errorf("keys: got %s, want none", keys)
	}
}

func TestCreateKeyIsAskedAsWhoIsSignedIn(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.NewUser(kmstest.Account, "reader", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:List*","Resource":"*"}]}`))
	b.get("/console/create-key").want(http.StatusOK, "iam:ListUsers", "cannot all be listed for you")
	b.post("/console/create-key", "for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT", "origin", "AWS_KMS", "description", "as I wrote it").
		want(http.StatusForbidden, "AccessDeniedException", "kms:CreateKey", "as I wrote it")

	b = signedIn(t, s.As(kmstest.Account))
	b.post("/console/create-key", "csrf", "made up", "for", "ENCRYPT_DECRYPT", "spec", "SYMMETRIC_DEFAULT").want(http.StatusForbidden, "StalePage")
	if keys := s.As(kmstest.Account).Must("ListKeys", `{}`).String("Keys"); keys != "[]" {
		t.Errorf("keys: got %s, want none", keys)
	}
}

// A preview for a script does not ask who there is.
func TestPreviewAloneAsksNothing(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	b := signedIn(t, s.As(kmstest.Account))
	token := b.csrf()
	before := len(s.Records())
	form := map[string][]string{"csrf": {token}, "for": {"SIGN_VERIFY"}, "spec": {"ECC_NIST_P256"}, "origin": {"AWS_KMS"}}
	res, err := b.http.PostForm(s.URL+"/console/create-key/preview?only=plan", form)
	p := b.page(res, err)
	if got, want := p.requests()["CreateKey"], `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY","Origin":"AWS_KMS"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if all := s.Records()[before:]; len(all) != 0 {
		t.Errorf("got %v, want no records", slices.Collect(func(yield func(string) bool) {
			for _, e := range all {
				if !yield(string(e.Line)) {
					return
				}
			}
		}))
	}
}
