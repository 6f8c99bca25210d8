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
	if t, ok := parseStamp(p.date); ok {
		return t, nil
	}
	if t, err := time.Parse(http.TimeFormat, p.date); err == nil && !p.presigned {
		return t, nil
	}
	return time.Time{}, fault.BadDate(p.date)
}

// parseStamp is time.Parse of stampLayout, without a fraction of a second, and without looking at the layout each time.
func parseStamp(s string) (time.Time, bool) {
	if len(s) != len(stampLayout) || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	var bad bool
	number := func(digits string) (n int) {
		for i := range len(digits) {
			d := digits[i] - '0'
			bad = bad || d > 9
			n = n*10 + int(d)
		}
		return n
	}
	year, month, day := number(s[:4]), time.Month(number(s[4:6])), number(s[6:8])
	hour, minute, second := number(s[9:11]), number(s[11:13]), number(s[13:15])
	t := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	// A day that is not in the calendar would have become another.
	ok := !bad && t.Month() == month && t.Day() == day && hour < 24 && minute < 60 && second < 60
	return t, ok
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

// cut returns the first name, what follows it, and whether anything does.
func (l nameList) cut() (name string, rest nameList, more bool) {
	if i := strings.IndexByte(string(l), ';'); i >= 0 {
		return string(l[:i]), l[i+1:], true
	}
	return string(l), "", false
}

// has tells whether name is in the list.
func (l nameList) has(name string) bool {
	for more := true; more; {
		var n string
		if n, l, more = l.cut(); n == name {
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
	for rest, more := names, true; more; {
		var name string
		if name, rest, more = rest.cut(); !isLowerToken(name) && name != ":authority" {
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
	for i := range len(s) {
		if !lowerToken[s[i]] {
			return false
		}
	}
	return s != ""
}

var lowerToken = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlphanumeric(byte(c)) && (c < 'A' || c > 'Z') || strings.IndexByte("!#$%&'*+-.^_`|~", byte(c)) >= 0
	}
	return t
}()

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
