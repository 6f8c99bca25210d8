package webidentity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"qkms/internal/fault"
)

// Bounds of a token in bytes (access §2.4 [M]).
const (
	shortest = 4
	longest  = 20000
)

// algorithms are those a provider may sign with: signatures that others can verify. Neither "none" nor
// a MAC is here, nor can become: a token whose MAC has been made with the provider's public key as its
// secret would otherwise verify (RFC 8725 §2.1).
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// A header is what counts of a token's header. Keys, certificates and addresses of keys that a header
// brings along (jwk, jku, x5c, x5u) are the sender's word and are not looked at (RFC 8725 §3.10).
type header struct {
	alg string // one of algorithms
	kid string // empty: the token names no key
}

// Issuer returns the issuer that token says it has, scheme included. Nothing is verified: the answer is
// good for finding the provider to verify it with, and for nothing else. The error is a *fault.Error.
func Issuer(token string) (string, error) {
	_, c, err := read(token)
	if err != nil {
		return "", err
	}
	return c.text("iss")
}

// read takes a token of the compact form apart, and verifies nothing.
func read(token string) (header, claims, error) {
	h, c, err := readJWS(token)
	if err != nil {
		return h, nil, fault.TokenNotJWT().Because(err)
	}
	return h, c, nil
}

func readJWS(token string) (header, claims, error) {
	if len(token) < shortest || len(token) > longest {
		return header{}, nil, fmt.Errorf("%d bytes", len(token))
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return header{}, nil, fmt.Errorf("%d parts", len(parts))
	}
	var each [3][]byte
	for i, part := range parts {
		var err error
		if each[i], err = decode(part); err != nil {
			return header{}, nil, fmt.Errorf("part %d: %w", i+1, err)
		}
	}
	h, err := readHeader(each[0])
	if err != nil {
		return header{}, nil, fmt.Errorf("header: %w", err)
	}
	c, err := members(each[1])
	if err != nil {
		return header{}, nil, fmt.Errorf("payload: %w", err)
	}
	return h, c, nil
}

// decode is base64url as RFC 7515 §2 has it. Line breaks, which the standard library skips, and set bits
// beyond the last byte are refused, so that no two texts are one token.
func decode(part string) ([]byte, error) {
	if part == "" || strings.ContainsAny(part, "\r\n") {
		return nil, errors.New("not base64url")
	}
	return base64.RawURLEncoding.Strict().DecodeString(part)
}

func readHeader(data []byte) (header, error) {
	m, err := members(data)
	if err != nil {
		return header{}, err
	}
	// A critical extension changes what the token means, and we know none (RFC 7515 §4.1.11). b64 means
	// something only when it is critical (RFC 7797 §6).
	for _, name := range []string{"crit", "b64"} {
		if _, there := m[name]; there {
			return header{}, fmt.Errorf("%s is not understood", name)
		}
	}
	var h header
	if err := exactly(m["alg"], &h.alg); err != nil || !slices.Contains(algorithms, h.alg) {
		return header{}, errors.New("alg is none of ours")
	}
	if kid, there := m["kid"]; there {
		if err := exactly(kid, &h.kid); err != nil {
			return header{}, fmt.Errorf("kid: %w", err)
		}
	}
	return h, nil
}

// claims are the members of a JSON object by their exact name.
type claims map[string]json.RawMessage

// members reads an object in which no name is there twice. RFC 7519 §4 lets a reader take the last one;
// two readers of which one takes the first would then see two subjects in one token.
func members(data []byte) (claims, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	c := claims{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // the decoder lets nothing else stand for a name
		if _, twice := c[name]; twice {
			return nil, errors.New("a name is there twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		c[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text after the object")
	}
	return c, nil
}

// exactly decodes value, which is neither absent nor null.
func exactly(value json.RawMessage, into any) error {
	if len(value) == 0 || string(value) == "null" {
		return errors.New("there is none")
	}
	return json.Unmarshal(value, into)
}
