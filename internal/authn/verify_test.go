package authn_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/fault"
)

const (
	idOfAlice     = "AKIAIOSFODNN7EXAMPLE"
	secretOfAlice = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	idOfBob       = "AKIAI44QH8DHBEXAMPLE"
	secretOfBob   = "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"

	noSuchClient = "The security token included in the request is invalid."
	mismatch     = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// A world has two accounts and a clock.
type world struct {
	known map[string]*authn.Credential
	asked []string
	now   time.Time
	v     *authn.Verifier
}

func newWorld() *world {
	w := &world{now: noon, known: map[string]*authn.Credential{
		idOfAlice: {AccessKeyID: idOfAlice, Account: "111122223333", Secret: authn.NewSecret([]byte(secretOfAlice)), Active: true},
		idOfBob:   {AccessKeyID: idOfBob, Account: "444455556666", Secret: authn.NewSecret([]byte(secretOfBob)), Active: true},
	}}
	w.v = authn.New(authn.Config{
		Find: func(_ context.Context, id string) (*authn.Credential, error) {
			w.asked = append(w.asked, id)
			return w.known[id], nil
		},
		Regions: func(region string) bool { return strings.HasPrefix(region, "eu-") },
		Now:     func() time.Time { return w.now },
	})
	return w
}

func (w *world) verify(r *sigv4.Request) (authn.Caller, error) {
	return w.v.Verify(context.Background(), r)
}

func request(id, secret string) *sigv4.Request { return requestAt(noon, "eu-west-3", id, secret) }

// requestAt signs by the letter of access §1.2.
func requestAt(at time.Time, region, id, secret string, header ...string) *sigv4.Request {
	const body, names = "{}", "host;x-amz-date;x-amz-target"
	stamp := at.Format("20060102T150405Z")
	signed := names
	canonical := "POST\n/\n\nhost:kms.example\nx-amz-date:" + stamp + "\nx-amz-target:TrentService.ListKeys\n"
	h := http.Header{"X-Amz-Date": {stamp}, "X-Amz-Target": {"TrentService.ListKeys"}}
	if len(header) == 2 { // a name that sorts between the date and the target
		h.Set(header[0], header[1])
		name := strings.ToLower(header[0])
		signed = "host;x-amz-date;" + name + ";x-amz-target"
		canonical = strings.Replace(canonical, "x-amz-target:", name+":"+header[1]+"\nx-amz-target:", 1)
	}
	canonical += fmt.Sprintf("\n%s\n%x", signed, sha256.Sum256([]byte(body)))
	scope := stamp[:8] + "/" + region + "/kms/aws4_request"
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", stamp, scope, sha256.Sum256([]byte(canonical))))
	h.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", id, scope, signed, signature))
	return &sigv4.Request{Method: "POST", Path: "/", Host: "kms.example", Header: h, Body: []byte(body)}
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

func TestRootUser(t *testing.T) {
	got, err := newWorld().verify(request(idOfBob, secretOfBob))
	if err != nil {
		t.Fatal(err)
	}
	want := authn.Caller{
		Kind: "Root", Account: "444455556666", Region: "eu-west-3",
		ARN: "arn:aws:iam::444455556666:root", PrincipalID: "444455556666", AccessKeyID: idOfBob, Scope: "kms eu-west-3",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPartition(t *testing.T) {
	w := newWorld()
	v := authn.New(authn.Config{
		Find:      func(_ context.Context, id string) (*authn.Credential, error) { return w.known[id], nil },
		Now:       func() time.Time { return noon },
		Partition: "verenc",
	})
	got, err := v.Verify(context.Background(), requestAt(noon, "us-east-1", idOfAlice, secretOfAlice))
	if err != nil {
		t.Fatal(err)
	}
	if want := "arn:verenc:iam::111122223333:root"; got.ARN != want {
		t.Errorf("got %s, want %s", got.ARN, want)
	}
}

func TestRefusals(t *testing.T) {
	for _, row := range []struct {
		name string
		turn func(w *world) *sigv4.Request
		code fault.Code
		text string
	}{
		{"E1 no signature", func(*world) *sigv4.Request { return &sigv4.Request{Method: "POST", Path: "/"} },
			fault.MissingToken, "Missing Authentication Token"},
		{"E10 region not served", func(*world) *sigv4.Request { return requestAt(noon, "us-east-1", idOfAlice, secretOfAlice) },
			fault.InvalidSignature, "Credential should be scoped to a valid region, not 'us-east-1'. "},
		{"E11 unknown", func(*world) *sigv4.Request { return request("AKIANOBODYHASTHISID0", secretOfAlice) },
			fault.UnrecognizedClient, noSuchClient},
		{"E11 inactive", func(w *world) *sigv4.Request {
			w.known[idOfAlice].Active = false
			return request(idOfAlice, secretOfAlice)
		}, fault.UnrecognizedClient, noSuchClient},
		{"E11 inactive, wrong secret", func(w *world) *sigv4.Request {
			w.known[idOfAlice].Active = false
			return request(idOfAlice, "wrong")
		}, fault.UnrecognizedClient, noSuchClient},
		{"E11 without a secret", func(w *world) *sigv4.Request {
			w.known[idOfAlice].Secret = authn.Secret{}
			return request(idOfAlice, "")
		}, fault.UnrecognizedClient, noSuchClient},
		{"E11 another id found", func(w *world) *sigv4.Request {
			w.known[strings.ToLower(idOfAlice)] = w.known[idOfAlice]
			return request(strings.ToLower(idOfAlice), secretOfAlice)
		}, fault.UnrecognizedClient, noSuchClient},
		{"E12 wrong secret", func(*world) *sigv4.Request { return request(idOfAlice, secretOfBob) },
			fault.InvalidSignature, mismatch},
		{"E12 before E13", func(*world) *sigv4.Request {
			return requestAt(noon, "eu-west-3", idOfAlice, "wrong", "X-Amz-Security-Token", "token")
		}, fault.InvalidSignature, mismatch},
		{"E13 session token with a long-term key", func(*world) *sigv4.Request {
			return requestAt(noon, "eu-west-3", idOfAlice, secretOfAlice, "X-Amz-Security-Token", "token")
		}, fault.UnrecognizedClient, noSuchClient},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorld()
			caller, err := w.verify(row.turn(w))
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Code != row.code || f.Text != row.text {
				t.Errorf("got %v, want %s: %s", err, row.code, row.text)
			}
			if caller != (authn.Caller{}) {
				t.Errorf("got %+v, want nobody next to an error", caller)
			}
		})
	}
}

// What cannot be an id does not reach the store.
func TestFindIsAskedAboutIDsOnly(t *testing.T) {
	w := newWorld()
	for _, id := range []string{"", "AKIA", "AKIA' OR '1'='1'", strings.Repeat("A", 129)} {
		if _, err := w.verify(request(id, secretOfAlice)); err == nil {
			t.Errorf("%q: got it accepted, want a refusal", id)
		}
	}
	if len(w.asked) != 0 {
		t.Errorf("got Find asked about %q, want about nothing", w.asked)
	}
}

// A store in trouble is not the caller's mistake.
func TestFindFails(t *testing.T) {
	trouble := errors.New("disk on fire")
	v := authn.New(authn.Config{
		Find: func(context.Context, string) (*authn.Credential, error) { return nil, trouble },
		Now:  func() time.Time { return noon },
	})
	_, err := v.Verify(context.Background(), requestAt(noon, "us-east-1", idOfAlice, secretOfAlice))
	if _, ok := errors.AsType[*fault.Error](err); ok || !errors.Is(err, trouble) {
		t.Errorf("got %v, want %v and no fault", err, trouble)
	}
}

// The cache of signing keys must not outlive what it was derived from, even when a record of the same
// version holds another secret now.
func TestChangedCredential(t *testing.T) {
	w := newWorld()
	accepted := func(want bool, secret string) {
		t.Helper()
		if _, err := w.verify(request(idOfAlice, secret)); (err == nil) != want {
			t.Errorf("got %v, want accepted: %v", err, want)
		}
	}
	accepted(true, secretOfAlice)
	w.known[idOfAlice].Secret = authn.NewSecret([]byte("another"))
	accepted(false, secretOfAlice)
	accepted(true, "another")
	w.known[idOfAlice].Active = false
	accepted(false, "another")
	w.known[idOfAlice].Active = true
	accepted(true, "another")
	delete(w.known, idOfAlice)
	accepted(false, "another")
}

// More scopes than the cache holds, and two days, are as good as one, and take no more memory.
func TestManyScopes(t *testing.T) {
	w := newWorld()
	for _, day := range []time.Time{noon, noon.Add(24 * time.Hour)} {
		w.now = day
		for i := range authn.MaxKeys + 100 {
			region := fmt.Sprintf("eu-%d", i)
			caller, err := w.verify(requestAt(day, region, idOfAlice, secretOfAlice))
			if err != nil {
				t.Fatalf("%s: %v", region, err)
			}
			if caller.Region != region {
				t.Fatalf("got %s, want %s", caller.Region, region)
			}
		}
		if got := w.known[idOfAlice].Secret.CachedKeys(); got < 1 || got > authn.MaxKeys {
			t.Errorf("got %d signing keys in memory, want 1 to %d", got, authn.MaxKeys)
		}
	}
}

// Keys of days that are over are of no use but to who reads memory.
func TestKeysOfOtherDaysGo(t *testing.T) {
	w := newWorld()
	for day := range 4 {
		w.now = noon.Add(time.Duration(day) * 24 * time.Hour)
		for range 2 {
			if _, err := w.verify(requestAt(w.now, "eu-1", idOfAlice, secretOfAlice)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := w.known[idOfAlice].Secret.CachedKeys(), min(day+1, 2); got != want {
			t.Errorf("day %d: got %d signing keys in memory, want %d", day, got, want)
		}
	}
}

// However many come at once, one key is kept for one scope.
func TestKeysAreKeptOnce(t *testing.T) {
	s := authn.NewSecret([]byte(secretOfAlice))
	var all sync.WaitGroup
	for i := range 400 {
		all.Go(func() { s.KeepKey("20260102", fmt.Sprintf("eu-%d", i%authn.MaxKeys)) })
	}
	all.Wait()
	if got := s.CachedKeys(); got != authn.MaxKeys {
		t.Errorf("got %d signing keys in memory, want %d", got, authn.MaxKeys)
	}
	s.KeepKey("20260102", "eu-0")
	for i := range authn.MaxKeys {
		if n := s.KeysOf("20260102", fmt.Sprintf("eu-%d", i)); n != 1 {
			t.Errorf("eu-%d: got %d keys, want 1", i, n)
		}
	}
}

// Whoever knows an id, but not its secret, fills no memory with it.
func TestOnlyProvedKeysAreKept(t *testing.T) {
	w := newWorld()
	if _, err := w.verify(request(idOfAlice, "wrong")); err == nil {
		t.Error("got it accepted, want a refusal")
	}
	if got := w.known[idOfAlice].Secret.CachedKeys(); got != 0 {
		t.Errorf("got %d signing keys in memory, want none", got)
	}
}

func TestConcurrentCallers(t *testing.T) {
	w := newWorld()
	v := authn.New(authn.Config{
		Find:    func(_ context.Context, id string) (*authn.Credential, error) { return w.known[id], nil },
		Regions: func(string) bool { return true },
		Now:     func() time.Time { return noon },
	})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				region := fmt.Sprintf("r-%d", (i+j)%7)
				caller, err := v.Verify(context.Background(), requestAt(noon, region, idOfBob, secretOfBob))
				if err != nil || caller.Region != region {
					t.Errorf("got %v, %v, want %s accepted", caller, err, region)
				}
				if _, err := v.Verify(context.Background(), requestAt(noon, region, idOfBob, secretOfAlice)); err == nil {
					t.Error("wrong secret: got it accepted, want a refusal")
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkVerify(b *testing.B) {
	w := newWorld()
	find := func(_ context.Context, id string) (*authn.Credential, error) { return w.known[id], nil }
	v := authn.New(authn.Config{Find: find, Now: func() time.Time { return noon }})
	r := requestAt(noon, "us-east-1", idOfAlice, secretOfAlice)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := v.Verify(context.Background(), r); err != nil {
				b.Error(err)
			}
		}
	})
}
