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

// read finds the one form of signature on r. The parts are never nil: next to an error they hold what
// was read before it.
func read(r *Request) (*parts, error) {
	p := &parts{}
	query, err := parseQuery(r.RawQuery)
	if err != nil {
		return p, err
	}
	p.query = query
	// Several Authorization headers are read as the one list they are for HTTP, so that the grammar
	// refuses the second instead of somebody choosing the first.
	header := strings.Join(r.Header["Authorization"], ",")
	p.presigned = slices.ContainsFunc(query, func(q pair) bool { return q.name == "X-Amz-Algorithm" })
	switch {
	case header == "" && !p.presigned:
		return p, fault.MissingAuthentication() // E1
	case header != "" && p.presigned:
		return p, fault.BothAuthForms() // E2
	case p.presigned:
		return p, p.readQuery()
	}
	return p, p.readHeader(r.Header, header)
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
	missing := absent("Credential", p.credential, "Signature", p.signature, "SignedHeaders", p.signedHeaders)
	if len(missing) > 0 || p.date == "" {
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
	at := map[string]*string{
		"X-Amz-Algorithm": &p.algorithm, "X-Amz-Credential": &p.credential, "X-Amz-Date": &p.date,
		"X-Amz-Expires": &p.expires, "X-Amz-Security-Token": &p.token,
		"X-Amz-SignedHeaders": &p.signedHeaders, "X-Amz-Signature": &p.signature,
	}
	for _, q := range p.query {
		field, known := at[q.name]
		if !known {
			continue
		}
		if field == nil {
			return fault.RepeatedQueryParameter(q.name)
		}
		*field, at[q.name] = q.text, nil
	}
	missing := absent("X-Amz-Credential", p.credential, "X-Amz-Signature", p.signature,
		"X-Amz-SignedHeaders", p.signedHeaders, "X-Amz-Date", p.date)
	if len(missing) > 0 {
		return fault.QueryLacks(missing) // E4
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

// signedNames splits and sorts the list of signed headers. E5: without the host a signature made for
// one service would do for another.
func signedNames(list string) ([]string, error) {
	names := strings.Split(list, ";")
	for _, name := range names {
		if !isLowerToken(name) && name != ":authority" {
			return nil, fault.BadSignedHeaders()
		}
	}
	slices.Sort(names)
	for i := range names[1:] {
		if names[i] == names[i+1] {
			return nil, fault.BadSignedHeaders()
		}
	}
	if !slices.Contains(names, "host") && !slices.Contains(names, ":authority") {
		return nil, fault.HostUnsigned()
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
