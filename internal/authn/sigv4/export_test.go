package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
)

// Sign is what Verify expects in the place of the signature.
func (s *Signed) Sign(key [32]byte) string {
	body := sha256.Sum256(s.req.Body)
	signature, _ := s.sign(key, hex.AppendEncode(nil, body[:]), spacesAndTabs)
	return string(signature[:])
}
