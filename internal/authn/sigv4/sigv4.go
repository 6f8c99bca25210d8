// Package sigv4 verifies AWS Signature Version 4 on a request.
//
// It is pure: bytes, a time and a key in, the reason for refusal out. Parse takes a request up the
// ladder of errors of the access specification §1.6 until only the key is missing; Verify does the
// rest once the caller has found it. Whose key it is, and whether it may still be used, is the
// business of package authn.
package sigv4

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"qkms/internal/fault"
)

// Algorithm is the only one KMS advertises; SigV4A is not among them (access §1).
const Algorithm = "AWS4-HMAC-SHA256"

const terminator = "aws4_request"

// skew is how far a client's clock may be off, either way (access §1.4 [R]; other services allow more).
const skew = 5 * time.Minute

// A Request is what was signed, as it was received: nothing decoded, nothing tidied up, because the
// signature is over these bytes.
type Request struct {
	Method   string
	Path     string // still percent-encoded
	RawQuery string
	Host     string // the Host header or :authority, case and port kept; the configured name behind a proxy
	Header   http.Header
	Body     []byte
}

// From views hr, whose body has been read whole, as a Request. It shares hr's header and body.
func From(hr *http.Request, body []byte) Request {
	return Request{
		Method:   hr.Method,
		Path:     hr.URL.EscapedPath(), // URL.Path has lost the difference between / and %2F
		RawQuery: hr.URL.RawQuery,
		Host:     hr.Host,
		Header:   hr.Header,
		Body:     body,
	}
}

// Rules is what a signature must fit besides its key.
type Rules struct {
	Now     time.Time
	Service string                   // its signing name: "kms"
	Regions func(region string) bool // tells whether a region is served; asked about anything a stranger wrote

	Skew      time.Duration // how far a client's clock may be off, either way; 0: 5 minutes, as for KMS
	Presigned time.Duration // how long a presigned request is good for at most; 0: Skew
}

func (r Rules) withDefaults() Rules {
	r.Skew = cmp.Or(r.Skew, skew)
	r.Presigned = cmp.Or(r.Presigned, r.Skew)
	return r
}

// A Signed is a request that claims, in good form, to be signed. Nothing in it is proved before Verify
// returns nil.
type Signed struct {
	AccessKeyID  string
	Date         string // YYYYMMDD of the scope, the same day as Time
	Region       string // served, according to the Rules
	Service      string
	SessionToken string    // "" for none
	Time         time.Time // when it was signed, to the second

	req       *Request
	host      [1]string // the one Host
	names     nameList  // of the signed headers: lower case, sorted, distinct
	stamp     string    // Time as YYYYMMDDTHHMMSSZ
	query     []pair
	signature string
	presigned bool
}

// Parse takes r from E1 to E10 of the ladder. Its error is a *fault.Error of the first row that
// applies. The Signed keeps r, which must not change until it has been verified.
//
// It is a value, and nothing in it points to it: of a request that is refused nothing is left, and of one that is
// not, only the strings of its own header.
func Parse(r *Request, rules Rules) (Signed, error) {
	rules = rules.withDefaults()
	var p parts
	if err := p.read(r); err != nil { // E1 to E4
		return Signed{}, err
	}
	names, err := signedNames(p.signedHeaders) // E5
	if err != nil {
		return Signed{}, err
	}
	when, err := p.time() // E6
	if err != nil {
		return Signed{}, err
	}
	window, err := p.window(rules)
	if err != nil {
		return Signed{}, err
	}
	if err := checkTime(when, rules, window); err != nil { // E7
		return Signed{}, err
	}
	if p.algorithm != Algorithm {
		return Signed{}, fault.UnsupportedAlgorithm(p.algorithm) // E8
	}
	s := Signed{
		SessionToken: p.token, Service: rules.Service, Time: when,
		req: r, host: [1]string{r.Host}, names: names, stamp: p.stamp(when),
		query: p.query, signature: p.signature, presigned: p.presigned,
	}
	if err := s.readScope(p.credential, rules); err != nil { // E9, E10
		return Signed{}, err
	}
	return s, nil
}

// Header is the value of a header, by its lower-case name, or "" when it is missing, given twice or not among
// those that were signed: whoever is on the path may have added it.
func (s *Signed) Header(name string) string {
	values := s.req.Header.Values(name)
	if len(values) != 1 || !s.names.has(name) {
		return ""
	}
	return values[0]
}

// Claimed is the access key id that r says it was signed with, or "" if it names none that could
// exist. It is a claim, fit for the record of a refusal; it proves nothing.
func Claimed(r *Request) string {
	var p parts
	_ = p.read(r) // what could be read of a malformed one will do
	id, _, _ := strings.Cut(p.credential, "/")
	if !IsAccessKeyID(id) {
		return ""
	}
	return id
}

// IsAccessKeyID tells whether id has the form of an access key id: 16 to 128 word characters, as the
// IAM model has it. What has not cannot be known, and need not bother a store.
func IsAccessKeyID(id string) bool {
	if len(id) < 16 || len(id) > 128 {
		return false
	}
	for _, c := range []byte(id) {
		if !isAlphanumeric(c) && c != '_' {
			return false
		}
	}
	return true
}

func checkTime(signed time.Time, rules Rules, window time.Duration) error {
	now := rules.Now.Truncate(time.Second)
	if signed.Add(window).Before(now) {
		return fault.SignatureExpired(signed, now, window)
	}
	if signed.After(now.Add(rules.Skew)) {
		return fault.SignatureNotYetCurrent(signed, now, rules.Skew)
	}
	return nil
}

// readScope splits keyid/date/region/service/term. The day must be that of the request, or a signing
// key that leaked would outlive its day.
func (s *Signed) readScope(credential string, rules Rules) error {
	if strings.Count(credential, "/") != 4 {
		return fault.CredentialElements(credential) // E9
	}
	var service, term string
	s.AccessKeyID, credential, _ = strings.Cut(credential, "/")
	s.Date, credential, _ = strings.Cut(credential, "/")
	s.Region, credential, _ = strings.Cut(credential, "/")
	service, term, _ = strings.Cut(credential, "/")

	var wrong fault.Misscoped
	if !rules.Regions(s.Region) {
		wrong.Region(s.Region)
	}
	if service != rules.Service {
		wrong.Service(rules.Service)
	}
	if term != terminator {
		wrong.Terminator(term)
	}
	if s.Date != s.stamp[:len("20060102")] {
		wrong.Date(s.Date, s.stamp)
	}
	return wrong.Err() // E10
}
