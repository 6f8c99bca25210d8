package fault

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// The sentences of authentication, rows E2 to E14 of the ladder in access §1.6, in its order. E1, E11
// and E12 are MissingAuthentication, UnknownClient and SignatureMismatch in text.go.

// BothAuthForms is E2.
func BothAuthForms() *Error {
	return New(InvalidSignature, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.") // [R]
}

// NoEqualSign is E3: piece is the part of the Authorization header that is no name=value.
func NoEqualSign(piece, header string) *Error {
	if !ours(header) {
		piece = hidden
	}
	return New(IncompleteSignature, "'%s' not a valid key=value pair (missing equal-sign) in Authorization header: '%s'.",
		hideSignatures(clip(piece)), quotable(header)) // [R]
}

// AuthorizationLacks is E4 of the header form. The missing parts are named in the order Credential,
// Signature, SignedHeaders; undated tells that there is no date header either.
func AuthorizationLacks(missing []string, undated bool, header string) *Error {
	var text strings.Builder
	for _, name := range missing {
		fmt.Fprintf(&text, "Authorization header requires '%s' parameter. ", name)
	}
	if undated {
		text.WriteString("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
	}
	return New(IncompleteSignature, "%sAuthorization=%s", text.String(), quotable(header)) // [R]
}

// BadAuthorizationPart is a part of the header that is unknown, empty or there twice: two readers of
// such a header could believe two different things.
func BadAuthorizationPart(name, header string) *Error {
	if !ours(header) {
		name = hidden
	}
	return New(IncompleteSignature, "Authorization header has an unknown, empty or repeated '%s' parameter. Authorization=%s",
		hideSignatures(clip(name)), quotable(header)) // [U]
}

// QueryLacks is E4 of the query form.
func QueryLacks(missing []string) *Error {
	var text strings.Builder
	for _, name := range missing {
		fmt.Fprintf(&text, "AWS query-string parameters must include '%s'. ", name)
	}
	return New(IncompleteSignature, "%sRe-examine the query-string parameters.", text.String()) // [R]
}

// RepeatedQueryParameter is an X-Amz parameter of the query form that is there twice.
func RepeatedQueryParameter(name string) *Error {
	return New(IncompleteSignature, "AWS query-string parameters must include '%s' once. Re-examine the query-string parameters.", name) // [U]
}

// UnreadableQuery is a query string with a broken percent escape.
func UnreadableQuery() *Error {
	return New(IncompleteSignature, "The query string is not percent-encoded. Re-examine the query-string parameters.") // [U]
}

// BadSignedHeaders is a SignedHeaders list that names nothing, something twice, or no header.
func BadSignedHeaders() *Error {
	return New(IncompleteSignature, "'SignedHeaders' must list distinct lower-case header names, separated by ';'.") // [U]
}

// HostUnsigned is E5, in the newer of its two recorded forms.
func HostUnsigned() *Error {
	return New(InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.") // [R]
}

// BadDate is E6.
func BadDate(date string) *Error {
	return New(IncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(date)) // [R]
}

// BadExpires is a lifetime of a presigned request that is no number of seconds up to a week.
func BadExpires() *Error {
	return New(IncompleteSignature, "X-Amz-Expires must be a number of seconds between 1 and 604800.") // [U]
}

// SignatureExpired is E7: signed is more than window before now. For a presigned request, whose window
// is its own lifetime, the use of this sentence is [U].
func SignatureExpired(signed, now time.Time, window time.Duration) *Error {
	return New(InvalidSignature, "Signature expired: %s is now earlier than %s (%s - %s)",
		basic(signed), basic(now.Add(-window)), basic(now), span(window)) // [R]
}

// SignatureNotYetCurrent is E7b: signed is more than window after now.
func SignatureNotYetCurrent(signed, now time.Time, window time.Duration) *Error {
	return New(InvalidSignature, "Signature not yet current: %s is still later than %s (%s + %s)",
		basic(signed), basic(now.Add(window)), basic(now), span(window)) // [R]
}

// UnsupportedAlgorithm is E8.
func UnsupportedAlgorithm(name string) *Error {
	return New(IncompleteSignature, "Unsupported AWS 'algorithm': '%s' (only AWS4-HMAC-SHA256 for now). ", clip(name)) // [R]
}

// CredentialElements is E9.
func CredentialElements(credential string) *Error {
	return New(IncompleteSignature, "Credential must have exactly 5 slash-delimited elements, "+
		"e.g. keyid/date/region/service/term, got '%s'", clip(credential)) // [R]
}

// A Misscoped collects what is wrong with a credential scope: the service names all of it at once, in
// the order of these methods. Each sentence ends in a space.
type Misscoped struct{ text string }

// Region says that the service does not serve region.
func (m *Misscoped) Region(region string) {
	m.text += fmt.Sprintf("Credential should be scoped to a valid region, not '%s'. ", clip(region)) // [R]
}

// Service says which service the credential should have been scoped to.
func (m *Misscoped) Service(want string) {
	m.text += fmt.Sprintf("Credential should be scoped to correct service: '%s'. ", want) // [R]
}

// Terminator says that the scope does not end as it must.
func (m *Misscoped) Terminator(got string) {
	m.text += fmt.Sprintf("Credential should be scoped with a valid terminator: 'aws4_request', not '%s'. ", clip(got)) // [R]
}

// Date says that the day of the scope is not that of stamp, the time of the request.
func (m *Misscoped) Date(scope, stamp string) {
	m.text += fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'. ",
		clip(scope), stamp[:len("20060102")], stamp) // [R]
}

// Err is E10, or nil when nothing was wrong.
func (m *Misscoped) Err() error {
	if m.text == "" {
		return nil
	}
	return New(InvalidSignature, "%s", m.text)
}

func basic(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

func span(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min.", d/time.Minute)
	}
	return fmt.Sprintf("%d sec.", d/time.Second)
}

// hidden stands for what a text must not repeat.
const hidden = "***"

// quotable is an Authorization header as a text may repeat it: these texts reach logs and the audit
// record, so signatures are left out, and so is all of a header of another scheme, which is
// somebody's password or bearer token gone astray.
func quotable(header string) string {
	if !ours(header) {
		return hidden
	}
	return hideSignatures(clip(header))
}

func ours(header string) bool { return strings.HasPrefix(header, "AWS4-") }

var signature = regexp.MustCompile(`(?i)(signature)[^,]+|(token)=[^,]+`)

// hideSignatures hides what follows the word "signature" in each comma-separated piece, and the value of a token:
// a client that puts that of its session into this header has put it into the audit log otherwise.
func hideSignatures(s string) string { return signature.ReplaceAllString(s, "$1$2="+hidden) }

// clip bounds what a stranger can make us store and say again.
func clip(s string) string {
	const most = 1024 // bytes
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
