package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Sign is what Verify expects in the place of the signature.
func (s *Signed) Sign(key [32]byte) string {
	body := sha256.Sum256(s.req.Body)
	signature, _ := s.sign(key, hex.AppendEncode(nil, body[:]), spacesAndTabs)
	return string(signature[:])
}

// ParseStamp is what reads the time of a request.
func ParseStamp(s string) (time.Time, bool) { return parseStamp(s) }
