package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"qkms/internal/fault"
)

// parts are the pieces of a signature as the client wrote them, wherever it wrote them.
type parts struct {
	algorithm, credential, signedHeaders, signature string

	date    string // of X-Amz-Date, else of the Date header
	expires string // seconds; presigned only, may be absent
	token   string

	presigned bool
	query     []pair
}

// read finds the one form of signature on r. Next to an error p holds what was read before it.
func (p *parts) read(r *Request) (err error) {
	if p.query, err = parseQuery(r.RawQuery); err != nil {
		return err
	}
	// Several Authorization headers are read as the one list they are for HTTP, so that the grammar
	// refuses the second instead of somebody choosing the first.
	header := strings.Join(r.Header["Authorization"], ",")
	p.presigned = slices.ContainsFunc(p.query, func(q pair) bool { return q.name == "X-Amz-Algorithm" })
	switch {
	case header == "" && !p.presigned:
		return fault.MissingAuthentication() // E1
	case header != "" && p.presigned:
		return fault.BothAuthForms() // E2
	case p.presigned:
		return p.readQuery()
	}
	return p.readHeader(r.Header, header)
}

// readHeader reads "<algorithm> Credential=…, SignedHeaders=…, Signature=…", the three in any order.
func (p *parts) readHeader(h http.Header, header string) error {
	algorithm, rest, _ := strings.Cut(header, " ")
	p.algorithm = algorithm
	p.token = strings.Join(h["X-Amz-Security-Token"], ",")
	if p.date = strings.Join(h["X-Amz-Date"], ","); p.date == "" {
		p.date = strings.Join(h["Date"], ",")
	}
	if err := p.readPieces(rest, header); err != nil {
		return err
	}
	if p.credential == "" || p.signature == "" || p.signedHeaders == "" || p.date == "" {
		missing := absent("Credential", p.credential, "Signature", p.signature, "SignedHeaders", p.signedHeaders)
		return fault.AuthorizationLacks(missing, p.date == "", header) // E4
	}
	return nil
}

func (p *parts) readPieces(list, header string) error {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	for piece := range strings.SplitSeq(list, ",") {
		piece = strings.TrimSpace(piece)
		name, value, ok := strings.Cut(piece, "=")
		if !ok {
			return fault.NoEqualSign(piece, header) // E3
		}
		at := p.piece(name)
		if at == nil || *at != "" || value == "" {
			return fault.BadAuthorizationPart(name, header)
		}
		*at = value
	}
	return nil
}

// piece is where the value of a name=value piece goes, or nil if there is no such piece.
func (p *parts) piece(name string) *string {
	switch name {
	case "Credential":
		return &p.credential
	case "SignedHeaders":
		return &p.signedHeaders
	case "Signature":
		return &p.signature
	}
	return nil
}

// readQuery reads the presigned form. A parameter that is there twice is refused: the next reader of
// the query string might take the other one.
func (p *parts) readQuery() error {
	for i, q := range p.query { // which is sorted
		at := p.parameter(q.name)
		if at == nil {
			continue
		}
		if i > 0 && p.query[i-1].name == q.name {
			return fault.RepeatedQueryParameter(q.name)
		}
		*at = q.text
	}
	missing := absent("X-Amz-Credential", p.credential, "X-Amz-Signature", p.signature,
		"X-Amz-SignedHeaders", p.signedHeaders, "X-Amz-Date", p.date)
	if len(missing) > 0 {
		return fault.QueryLacks(missing) // E4
	}
	return nil
}

// parameter is where the value of a parameter of the query string goes, or nil if it is none of the signature's.
func (p *parts) parameter(name string) *string {
	switch name {
	case "X-Amz-Algorithm":
		return &p.algorithm
	case "X-Amz-Credential":
		return &p.credential
	case "X-Amz-Date":
		return &p.date
	case "X-Amz-Expires":
		return &p.expires
	case "X-Amz-Security-Token":
		return &p.token
	case "X-Amz-SignedHeaders":
		return &p.signedHeaders
	case "X-Amz-Signature":
		return &p.signature
	}
	return nil
}

// absent returns those names whose value, which follows it, is empty.
func absent(namesAndValues ...string) []string {
	var names []string
	for nv := range slices.Chunk(namesAndValues, 2) {
		if nv[1] == "" {
			names = append(names, nv[0])
		}
	}
	return names
}

const stampLayout = "20060102T150405Z"

// time is E6. A Date header may also have HTTP's own format; the string to sign has the ISO form of it
// in any case (access §1.4 [B]).
func (p *parts) time() (time.Time, error) {
	if len(p.date) == len(stampLayout) { // time.Parse would take a fraction of a second, too
		if t, err := time.Parse(stampLayout, p.date); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(http.TimeFormat, p.date); err == nil && !p.presigned {
		return t, nil
	}
	return time.Time{}, fault.BadDate(p.date)
}

// stamp is the time as the string to sign has it, which is how nearly all clients write it.
func (p *parts) stamp(when time.Time) string {
	if len(p.date) == len(stampLayout) {
		return p.date
	}
	return when.Format(stampLayout)
}

// window is how long the signature is good for: the allowed skew, or for a presigned request what
// X-Amz-Expires says. It may ask for up to a week, but nobody presigns for KMS, and whoever captured such a
// request could repeat it for as long: the rules of a service say how much it gets.
func (p *parts) window(rules Rules) (time.Duration, error) {
	const week = 604800
	if p.expires == "" {
		return rules.Skew, nil
	}
	seconds, err := strconv.ParseUint(p.expires, 10, 32)
	if err != nil || seconds < 1 || seconds > week {
		return 0, fault.BadExpires()
	}
	return min(time.Duration(seconds)*time.Second, rules.Presigned), nil
}

// A nameList is the names of signed headers, between semicolons.
type nameList string

// all yields the names in order.
func (l nameList) all(yield func(name string) bool) {
	for name := range strings.SplitSeq(string(l), ";") {
		if !yield(name) {
			return
		}
	}
}

// has tells whether name is in the list.
func (l nameList) has(name string) bool {
	for n := range l.all {
		if n == name {
			return true
		}
	}
	return false
}

// signedNames checks and sorts the list of signed headers. E5: without the host a signature made for
// one service would do for another.
func signedNames(list string) (nameList, error) {
	names, last := nameList(list), ""
	sorted := true
	for name := range names.all {
		if !isLowerToken(name) && name != ":authority" {
			return "", fault.BadSignedHeaders()
		}
		sorted = sorted && last < name
		last = name
	}
	if !sorted { // hardly ever: SDKs sort
		all := strings.Split(list, ";")
		slices.Sort(all)
		if len(slices.Compact(slices.Clone(all))) < len(all) {
			return "", fault.BadSignedHeaders()
		}
		names = nameList(strings.Join(all, ";"))
	}
	if !names.has("host") && !names.has(":authority") {
		return "", fault.HostUnsigned()
	}
	return names, nil
}

// isLowerToken tells whether s is an RFC 9110 §5.6.2 token without upper-case letters.
func isLowerToken(s string) bool {
	for _, c := range []byte(s) {
		if c >= 'A' && c <= 'Z' || !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
