package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"sync"

	"qkms/internal/fault"
	"qkms/internal/mac"
)

// SigningKey derives the key that signs for one day, region and service. It opens nothing else, so it
// may be cached for that day; it is as secret as the secret it comes from.
func SigningKey(secret []byte, date, region, service string) [32]byte {
	first := append([]byte("AWS4"), secret...)
	defer clear(first)
	key := mac.SHA256(first, []byte(date))
	key = mac.SHA256(key[:], []byte(region))
	key = mac.SHA256(key[:], []byte(service))
	return mac.SHA256(key[:], []byte(terminator))
}

// Verify checks the signature over the bytes received, under the SigningKey of the scope. Its error is
// always the same *fault.Error (E12), which does not say what differs.
func (s *Signed) Verify(key [32]byte) error {
	// The body is always hashed. Believing x-amz-content-sha256 would let anyone on the way swap the
	// body and keep the signature.
	sum := sha256.Sum256(s.req.Body)
	var bodyHash [2 * sha256.Size]byte
	hex.Encode(bodyHash[:], sum[:])
	if !s.coversEnough(bodyHash[:]) {
		return fault.SignatureMismatch()
	}
	if s.matches(key, bodyHash[:], spacesAndTabs) || s.hasTabs() && s.matches(key, bodyHash[:], spacesOnly) {
		return nil
	}
	return fault.SignatureMismatch()
}

// coversEnough tells whether a valid signature would say what we need it to say.
func (s *Signed) coversEnough(bodyHash []byte) bool {
	// What the request does and whose session it is must be signed, once: signed, two values and their
	// list are the same, and we would go by the first.
	for _, name := range [...]string{"x-amz-target", "x-amz-security-token"} {
		n := len(s.values(name))
		if n > 1 || n == 1 && !s.names.has(name) {
			return false
		}
	}
	if s.presigned && len(s.values("x-amz-security-token")) > 0 {
		return false // its token is in the query, or it has none
	}
	// UNSIGNED-PAYLOAD and STREAMING-… are not the hash either.
	for _, claimed := range s.values("x-amz-content-sha256") {
		if claimed != string(bodyHash) {
			return false
		}
	}
	return true
}

func (s *Signed) hasTabs() bool {
	for rest, more := s.names, true; more; {
		var name string
		name, rest, more = rest.cut()
		for _, value := range s.values(name) {
			if strings.Contains(value, "\t") {
				return true
			}
		}
	}
	return false
}

func (s *Signed) matches(key [32]byte, bodyHash []byte, ws whitespace) bool {
	want, ok := s.sign(key, bodyHash, ws)
	return ok && subtle.ConstantTimeCompare(want[:], []byte(s.signature)) == 1
}

// sign computes the signature in hex; ok is false when a signed header is missing.
func (s *Signed) sign(key [32]byte, bodyHash []byte, ws whitespace) (signature [64]byte, ok bool) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b, ok := s.appendRequest((*buf)[:0], bodyHash, ws)
	if !ok {
		return signature, false
	}
	request := sha256.Sum256(b)

	b = append(b[:0], Algorithm+"\n"...)
	b = append(b, s.stamp...)
	b = append(b, '\n')
	for _, part := range [...]string{s.Date, s.Region, s.Service} {
		b = append(b, part...)
		b = append(b, '/')
	}
	b = append(b, terminator+"\n"...)
	b = hex.AppendEncode(b, request[:])

	signed := mac.SHA256(key[:], b)
	hex.Encode(signature[:], signed[:])
	if cap(b) <= 1<<16 { // one huge request shall not hold its memory for ever
		*buf = b
	}
	return signature, true
}

// buffers hold canonical requests.
var buffers = sync.Pool{New: func() any { return new([]byte) }}
