package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Checkpoint says what a log was at a moment: its first Size records have this root. Signed, it is a
// note that anybody with the verifier key can check (docs/formats/audit-checkpoint.md).
type Checkpoint struct {
	Origin string    // names the log; the name of its key too
	Size   uint64    // records covered, from 0 on
	Root   tlog.Hash // RFC 6962 Merkle tree hash over them
	Time   time.Time // when it was signed, to the second

	// Retired: the service removed the records before this number, or may have; see Retention. 0: none.
	Retired uint64
}

const (
	timePrefix    = "time "
	retiredPrefix = "retired "
)

// text is the signed text.
func (c Checkpoint) text() string {
	text := fmt.Sprintf("%s\n%d\n%s\n%s%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), timePrefix, c.Time.UTC().Format(time.RFC3339))
	if c.Retired > 0 {
		text += fmt.Sprintf("%s%d\n", retiredPrefix, c.Retired)
	}
	return text
}

var errNotCheckpoint = errors.New("not a checkpoint of an audit log")

// parseCheckpoint reads the text of a note whose signature was verified. Lines after the fourth that
// it does not know are for later versions.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 5 {
		return Checkpoint{}, errNotCheckpoint
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, errNotCheckpoint
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, errNotCheckpoint
	}
	stamp, ok := strings.CutPrefix(lines[3], timePrefix)
	at, err := time.Parse(time.RFC3339, stamp)
	if !ok || err != nil {
		return Checkpoint{}, errNotCheckpoint
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: root, Time: at}
	if text, has := strings.CutPrefix(lines[4], retiredPrefix); has {
		if c.Retired, err = strconv.ParseUint(text, 10, 62); err != nil || c.Retired > size {
			return Checkpoint{}, errNotCheckpoint
		}
	}
	return c, nil
}

// OpenCheckpoint verifies a signed checkpoint with the verifier key of its log.
func OpenCheckpoint(signed []byte, verifierKey string) (Checkpoint, error) {
	v, err := note.NewVerifier(strings.TrimSpace(verifierKey))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("verifier key: %w", err)
	}
	return openCheckpoint(signed, v)
}

func openCheckpoint(signed []byte, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	for _, sig := range n.Sigs { // some bits of the last letter mean nothing to most decoders
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("checkpoint: signature: %w", err)
		}
	}
	c, err := parseCheckpoint(n.Text)
	if err == nil && c.Origin != v.Name() {
		err = fmt.Errorf("checkpoint of %q signed by the key of %q", c.Origin, v.Name())
	}
	return c, err
}

// ReadVerifierKey reads the verifier key that lies beside the log in dir. Whoever can change the log can
// change it too: a key kept elsewhere proves more.
func ReadVerifierKey(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, keyName))
	if err != nil {
		return "", fmt.Errorf("the audit log's public key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// A Signer signs checkpoints of one log. Its key must be of no other use: who holds it can make a log
// that never was.
type Signer struct {
	note.Verifier
	key  ed25519.PrivateKey
	vkey string
}

// NewSigner returns the signer of the log named origin: no spaces, no plus sign. The seed is its Ed25519
// private key (RFC 8032 §5.1.5).
func NewSigner(origin string, seed [ed25519.SeedSize]byte) (*Signer, error) {
	key := ed25519.NewKeyFromSeed(seed[:])
	vkey, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("audit signer: %w", err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("audit signer: %w", err)
	}
	return &Signer{v, key, vkey}, nil
}

// Sign is of note.Signer.
func (s *Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// VerifierKey is the public key in the form of golang.org/x/mod/sumdb/note.
func (s *Signer) VerifierKey() string { return s.vkey }

// Format keeps the key out of whatever prints the signer.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[audit signer]")) }

func (s *Signer) sign(c Checkpoint) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.text()}, s)
}
