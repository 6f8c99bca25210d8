package metrics_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"qkms/internal/fault"
	"qkms/internal/kmstest"
	"qkms/internal/metrics"
	"qkms/internal/op"
)

// scrape returns what monitoring reads.
func scrape(t testing.TB, url string) string {
	t.Helper()
	res, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("got %s, %v", res.Status, err)
	}
	return string(text)
}

// want fails unless text has each line.
func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			name := line[:strings.IndexAny(line, "{ ")]
			t.Errorf("want %s, got\n%s", line, strings.Join(regexp.MustCompile(`(?m)^`+name+`.*`).FindAllString(text, -1), "\n"))
		}
	}
}

func TestRequestsAreCounted(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true})
	c, stranger := s.As(kmstest.Account), s.As("444455556666")
	id := c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	c.Must("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`)
	c.Must("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`)
	c.Call("Encrypt", `{"KeyId":"alias/nothing","Plaintext":"aGk="}`)
	c.Call("Encrypt", `{"KeyId":"`+id+`"}`)
	c.Call("NoSuchThing", `{}`)
	stranger.Call("Encrypt", `{"KeyId":"arn:aws:kms:us-east-1:`+kmstest.Account+`:key/`+id+`","Plaintext":"aGk="}`)
	c.Must("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}]}`})
	c.Call("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`)
	forged := *c
	forged.Secret = "another"
	forged.Call("ListKeys", `{}`)
	forged.AccessKeyID = "AKIANOBODYATALL00000"
	forged.Call("ListKeys", `{}`)
	want(t, scrape(t, s.MetricsURL),
		`qkms_requests_total{code="OK",operation="Encrypt"} 2`,
		`qkms_requests_total{code="NotFoundException",operation="Encrypt"} 1`,
		`qkms_requests_total{code="ValidationException",operation="Encrypt"} 1`,
		`qkms_requests_total{code="AccessDeniedException",operation="Encrypt"} 2`,
		`qkms_requests_total{code="UnknownOperationException",operation="unknown"} 1`,
		`qkms_requests_total{code="KMSInternalException",operation="Decrypt"} 0`,
		`qkms_request_duration_seconds_count{operation="Encrypt"} 6`,
		`qkms_requests_in_flight 0`,
		`qkms_authentications_total{code="OK"} 8`,
		`qkms_authentications_total{code="InvalidSignatureException"} 1`,
		`qkms_authentications_total{code="UnrecognizedClientException"} 1`,
		`qkms_authorizations_total{decision="allowed",reason=""} 4`,
		`qkms_authorizations_total{decision="denied",reason="not_here"} 1`,
		`qkms_authorizations_total{decision="denied",reason="explicit_deny"} 1`,
		`qkms_audit_records_total 11`,
		`qkms_audit_flush_failures_total 0`,
		`qkms_audit_spool_limit_bytes 1.073741824e+09`,
		`qkms_last_use_backlog 3`, // of a key, and of two access keys
	)
}

func TestStoreAndCachesAreCounted(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true})
	c := s.As(kmstest.Account)
	id := c.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	encrypt := func() { c.Must("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGk="}`) }
	encrypt()
	before := scrape(t, s.MetricsURL)
	encrypt()
	after := scrape(t, s.MetricsURL)
	for name, grows := range map[string]bool{
		`qkms_cache_hits_total{cache="record"}`: true, `qkms_cache_misses_total{cache="record"}`: false,
		`qkms_cache_hits_total{cache="material"}`: true, `qkms_cache_misses_total{cache="material"}`: false,
		`qkms_store_calls_total{call="get",outcome="ok"}`: false, `qkms_store_calls_total{call="commit",outcome="ok"}`: false,
	} {
		if b, a := value(t, before, name), value(t, after, name); (a != b) != grows || a == "0" {
			t.Errorf("%s: got %s, then %s; want growth: %t", name, b, a, grows)
		}
	}
}

// value is a series' value, as text.
func value(t *testing.T, text, series string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n"+series+" ")
	if !ok {
		t.Fatalf("no %s", series)
	}
	v, _, _ := strings.Cut(rest, "\n")
	return v
}

// Of all that clients can send nothing makes a series that is not one of the table.
func TestLabelsAreBounded(t *testing.T) {
	var operations []string
	for _, row := range op.Table {
		operations = append(operations, row.Operation())
	}
	m := metrics.New(metrics.Config{Operations: operations, Codes: fault.Codes})
	srv := httptest.NewServer(m.Handler(&metrics.Readiness{}))
	defer srv.Close()
	done := func(operation string, told *fault.Error) {
		for stage := metrics.Read; stage <= metrics.Commit; stage++ {
			m.Begin()
			m.Done(metrics.Request{Operation: operation, Reached: stage, Told: told, Took: time.Millisecond})
		}
	}
	for _, operation := range operations {
		done(operation, nil)
		for _, code := range fault.Codes {
			done(operation, fault.Bare(code))
		}
	}
	series := regexp.MustCompile(`(?m)^qkms_requests_total\{code="([^"]*)",operation="([^"]*)"\} 6$`)
	if got, want := len(series.FindAllString(scrape(t, srv.URL), -1)), len(op.Table)*(len(fault.Codes)+1); got != want {
		t.Fatalf("got %d series of six requests each, want %d: every operation with every code", got, want)
	}
	names := regexp.MustCompile(`(?m)^qkms_[^ ]+`)
	for _, s := range []string{"", "encrypt", "Encrypt ", "ünïcode", "a\"b\nc", strings.Repeat("x", 5000)} {
		done(s, nil)
		done(s, fault.Bare(fault.Code(s)))
		done("Encrypt", fault.Bare(fault.Code(s)))
	}
	before := len(names.FindAllString(scrape(t, srv.URL), -1))
	for i := range 1000 {
		done(strings.Repeat("y", i), fault.Bare(fault.Code(strings.Repeat("z", i+1))))
	}
	if after := len(names.FindAllString(scrape(t, srv.URL), -1)); after != before {
		t.Errorf("got %d series, then %d", before, after)
	}
}

// Whoever reads the metrics learns of no key and of no caller.
func TestMetricsNameNobody(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true})
	const account = "987698769876"
	s.Exists(account + ":user/sesame-user")
	c := s.As(account)
	id := c.Must("CreateKey", `{"Description":"sesame-description","Tags":[{"TagKey":"sesame-tag","TagValue":"sesame-value"}]}`).String("KeyMetadata.KeyId")
	c.Must("CreateAlias", map[string]string{"AliasName": "alias/sesame-alias", "TargetKeyId": id})
	c.Must("Encrypt", `{"KeyId":"alias/sesame-alias","Plaintext":"aGk=","EncryptionContext":{"sesame-name":"sesame-context"}}`)
	c.Must("CreateGrant", `{"KeyId":"`+id+`","GranteePrincipal":"arn:aws:iam::`+account+`:user/sesame-user","Operations":["Decrypt"],"Name":"sesame-grant"}`)
	c.Call("Encrypt", `{"KeyId":"alias/sesame-missing","Plaintext":"aGk="}`)
	c.Call("SesameOperation", `{}`)
	c.In("eu-sesame-1").Call("ListKeys", `{}`)
	strange := *c
	strange.AccessKeyID = "AKIASESAME0000000000"
	strange.Call("ListKeys", `{}`)
	text := strings.ToLower(scrape(t, s.MetricsURL))
	for _, secret := range []string{"sesame", account, id, strings.ToLower(c.AccessKeyID), "arn:", s.Dir()} {
		if i := strings.Index(text, strings.ToLower(secret)); i >= 0 {
			t.Errorf("%q is in the metrics: %.200s", secret, text[max(0, i-80):])
		}
	}
}

func TestNamesAreThoseOfPrometheus(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Metrics: true})
	s.As(kmstest.Account).Must("ListKeys", `{}`)
	problems, err := promlint.New(strings.NewReader(scrape(t, s.MetricsURL))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	m := metrics.New(metrics.Config{Operations: []string{"Encrypt"}, Codes: fault.Codes})
	ok, denied := metrics.Request{Operation: "Encrypt", Reached: metrics.Commit, Took: time.Millisecond}, metrics.Request{Operation: "nothing", Reached: metrics.Authorize, Told: fault.DeniedElsewhere("a", "b"), Took: time.Second}
	got := testing.AllocsPerRun(1000, func() {
		m.Begin()
		m.Done(ok)
		m.Begin()
		m.Done(denied)
	})
	if got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

// What a request costs to count, alone and with others: go test -run '^$' -bench Done -cpu 1,2,8 ./internal/metrics
func BenchmarkDone(b *testing.B) {
	m := metrics.New(metrics.Config{Operations: []string{"GenerateDataKey"}, Codes: fault.Codes})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Begin()
			m.Done(metrics.Request{Operation: "GenerateDataKey", Reached: metrics.Commit, Took: 123 * time.Microsecond})
		}
	})
}
