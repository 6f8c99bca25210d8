package seal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrToken is returned when a token was not made by this store for this purpose and binding.
var ErrToken = errors.New("seal: no such token")

const (
	tokenFormat = 2 // format 1 was sealed under a KEK, and died with it
	tokenKey    = 1 // the one token key there is; another number will be another key
	tokenHeader = 1 + 1
	tokenLabel  = "qkms token v2"

	// tokenKeyLabel is apart from deriveLabel, so that no label given to Derive yields the token key.
	tokenKeyLabel = "qkms token key v1"
)

// tokenText is canonical, so that one token has one spelling: Strict refuses stray bits at the end.
var tokenText = base64.RawURLEncoding.Strict()

// tokenSecret is the key of tokens. It comes from the anchor and not from a KEK: a grant token lives as
// long as its grant, a session token as long as its session, whatever is rotated meanwhile.
//
// One key may seal all tokens there will ever be. Random nonces alone would end at 2³² (SP 800-38D
// §8.3), but each box has a key of its own, from 256 random bits: of q tokens two share that key with
// a chance below q²/2²⁵⁷, of 2⁴⁰ below 2⁻¹⁷⁷, and even those two differ in nonce.
func tokenSecret(anchor secret) secret {
	return newSecret(anchor.derive(tokenKeyLabel, be32(tokenKey)))
}

// SealToken makes an opaque base64url string for a client to carry and hand back: a page marker, a
// grant token, an import token. It opens for the same purpose (a constant of the code) and bind (for
// whom and for what; see Bind) only, for the life of the store. It is not dated: put a time into
// plaintext where it must end.
func (r *Ring) SealToken(purpose string, bind, plaintext []byte) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := []byte{tokenFormat, tokenKey}
	return tokenText.EncodeToString(sealBox(out, r.mustKeys().token, tokenLabel, []byte(purpose), r.tokenAAD(purpose, bind), plaintext))
}

// OpenToken returns what SealToken was given. Every failure is ErrToken, beside which ErrWiped is
// reported as well where it applies.
func (r *Ring) OpenToken(purpose string, bind []byte, token string) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.keys == nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, ErrWiped)
	}
	box, err := decodeToken(token)
	if err != nil {
		return nil, err
	}
	plaintext, err := openBox(r.keys.token, tokenLabel, []byte(purpose), r.tokenAAD(purpose, bind), box)
	if err != nil {
		return nil, ErrToken
	}
	return plaintext, nil
}

func (r *Ring) tokenAAD(purpose string, bind []byte) []byte {
	return Bind([]byte{tokenFormat, tokenKey}, r.body.GetStore(), []byte(purpose), bind)
}

// decodeToken returns the box in a token.
func decodeToken(token string) ([]byte, error) {
	// encoding/base64 skips line breaks wherever they stand, which would give a token many spellings.
	if strings.ContainsAny(token, "\r\n") {
		return nil, ErrToken
	}
	raw, err := tokenText.DecodeString(token)
	if err != nil || len(raw) < tokenHeader || raw[0] != tokenFormat || raw[1] != tokenKey {
		return nil, ErrToken
	}
	return raw[tokenHeader:], nil
}
