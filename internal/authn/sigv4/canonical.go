package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"qkms/internal/fault"
)

// whitespace says what a run of white space inside a header value collapses over. The documentation
// speaks of spaces, which is how the Go SDK signs; botocore collapses tabs with them (access §1.2 [B]).
// Nothing else tells the two apart, so a request with a tab may be signed in either way.
type whitespace string

const (
	spacesAndTabs whitespace = " \t"
	spacesOnly    whitespace = " "
)

// appendRequest appends the canonical request (access §1.2). ok is false when a signed header is missing: a
// content-length is gone when the body came chunked (access §1.5), any other may have been cut out on the way.
func (s *Signed) appendRequest(b []byte, bodyHash []byte, ws whitespace) (_ []byte, ok bool) {
	b = append(b, s.req.Method...)
	b = append(b, '\n')
	b = appendPath(b, s.req.Path)
	b = append(b, '\n')
	b = appendQuery(b, s.query, s.presigned)
	b = append(b, '\n')
	for rest, more := s.names, true; more; {
		var name string
		name, rest, more = rest.cut()
		values := s.values(name)
		if len(values) == 0 {
			return b, false
		}
		b = append(b, name...)
		b = append(b, ':')
		for i, value := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCollapsed(b, value, ws)
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.names...)
	b = append(b, '\n')
	return append(b, bodyHash...), true
}

// values returns the values of the header with this lower-case name, in order of arrival.
func (s *Signed) values(name string) []string {
	if name == "host" || name == ":authority" {
		return s.host[:] // net/http takes it out of the header
	}
	return s.req.Header[headerKey(name)]
}

// headerKey is http.CanonicalHeaderKey, which makes a string, of names in lower case: the usual ones are known.
func headerKey(name string) string {
	switch name {
	case "amz-sdk-invocation-id":
		return "Amz-Sdk-Invocation-Id"
	case "amz-sdk-request":
		return "Amz-Sdk-Request"
	case "content-length":
		return "Content-Length"
	case "content-type":
		return "Content-Type"
	case "x-amz-content-sha256":
		return "X-Amz-Content-Sha256"
	case "x-amz-date":
		return "X-Amz-Date"
	case "x-amz-security-token":
		return "X-Amz-Security-Token"
	case "x-amz-target":
		return "X-Amz-Target"
	case "x-amz-user-agent":
		return "X-Amz-User-Agent"
	}
	return http.CanonicalHeaderKey(name)
}

func appendCollapsed(b []byte, value string, ws whitespace) []byte {
	if strings.IndexByte(value, ' ') < 0 && strings.IndexByte(value, '\t') < 0 {
		return append(b, value...)
	}
	value = strings.Trim(value, " \t")
	inRun := false
	for _, c := range []byte(value) {
		white := strings.IndexByte(string(ws), c) >= 0
		if white && !inRun {
			b = append(b, ' ')
		} else if !white {
			b = append(b, c)
		}
		inRun = white
	}
	return b
}

// appendPath appends the path, tidied and then encoded once more. KMS has one path, /, and needs
// neither.
func appendPath(b []byte, escaped string) []byte {
	if escaped == "" || escaped == "/" {
		return append(b, '/')
	}
	clean := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && clean != "/" {
		clean += "/"
	}
	return appendEncoded(b, clean, "-._~/")
}

// A pair is one parameter of a query string.
type pair struct {
	name, value string // percent-encoded in the canonical way
	text        string // the value, decoded
}

// parseQuery returns the parameters in canonical order. It is not url.ParseQuery, which drops those
// with a ";" in them (access §1.5).
func parseQuery(raw string) ([]pair, error) {
	var pairs []pair
	for raw != "" {
		var piece string
		piece, raw, _ = strings.Cut(raw, "&")
		if piece == "" {
			continue
		}
		rawName, rawText, _ := strings.Cut(piece, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return nil, fault.UnreadableQuery()
		}
		text, err := url.QueryUnescape(rawText)
		if err != nil {
			return nil, fault.UnreadableQuery()
		}
		pairs = append(pairs, pair{encode(name), encode(text), text})
	}
	slices.SortFunc(pairs, func(p, q pair) int {
		return cmp.Or(cmp.Compare(p.name, q.name), cmp.Compare(p.value, q.value))
	})
	return pairs, nil
}

func appendQuery(b []byte, query []pair, presigned bool) []byte {
	first := true
	for _, q := range query {
		if presigned && q.name == "X-Amz-Signature" {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, q.name...)
		b = append(b, '=')
		b = append(b, q.value...)
	}
	return b
}

func encode(s string) string { return string(appendEncoded(nil, s, "-._~")) }

// appendEncoded percent-encodes all of s but letters, digits and the bytes of plain.
func appendEncoded(b []byte, s, plain string) []byte {
	const hexits = "0123456789ABCDEF"
	for _, c := range []byte(s) {
		if isAlphanumeric(c) || strings.IndexByte(plain, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hexits[c>>4], hexits[c&15])
		}
	}
	return b
}
