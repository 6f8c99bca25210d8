package seal

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// ErrToken is returned when a token was not made by this store for this purpose and binding.
var ErrToken = errors.New("seal: no such token")

const (
	tokenFormat = 1
	tokenLabel  = "qkms token v1"
)

// tokenText is canonical, so that one token has one spelling: Strict refuses stray bits at the end.
var tokenText = base64.RawURLEncoding.Strict()

// SealToken makes an opaque base64url string for a client to carry and hand back: a page marker, a
// grant token, an import token. It opens for the same purpose (a constant of the code) and bind (for
// whom and for what; see Bind) only, for as long as its KEK is kept. It is not dated: put a time into
// plaintext where it must end.
func (r *Ring) SealToken(purpose string, bind, plaintext []byte) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id := r.Current()
	out := binary.BigEndian.AppendUint32([]byte{tokenFormat}, id)
	aad := r.tokenAAD(purpose, bind, id)
	return tokenText.EncodeToString(sealBox(out, r.mustKeys().keks[id], tokenLabel, []byte(purpose), aad, plaintext))
}

// OpenToken returns what SealToken was given. Every failure is ErrToken, beside which ErrUnknownKEK
// is reported as well where it applies.
func (r *Ring) OpenToken(purpose string, bind []byte, token string) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	raw, err := decodeToken(token)
	if err != nil {
		return nil, err
	}
	id := binary.BigEndian.Uint32(raw[1:])
	kek, err := r.kek(id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	plaintext, err := openBox(kek, tokenLabel, []byte(purpose), r.tokenAAD(purpose, bind, id), raw[recordHeader:])
	if err != nil {
		return nil, ErrToken
	}
	return plaintext, nil
}

func (r *Ring) tokenAAD(purpose string, bind []byte, kek uint32) []byte {
	return Bind([]byte{tokenFormat}, r.body.GetStore(), []byte(purpose), bind, be32(kek))
}

func decodeToken(token string) ([]byte, error) {
	// encoding/base64 skips line breaks wherever they stand, which would give a token many spellings.
	if strings.ContainsAny(token, "\r\n") {
		return nil, ErrToken
	}
	raw, err := tokenText.DecodeString(token)
	if err != nil || len(raw) < recordHeader || raw[0] != tokenFormat {
		return nil, ErrToken
	}
	return raw, nil
}
