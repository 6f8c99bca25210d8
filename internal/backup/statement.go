package backup

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"qkms/internal/seal"
)

// A Statement stands behind the stream in a backup file and says whose it is, and of when. It is signed
// with a key of the store, because the stream's own digest anybody can make: who writes to where backups
// are kept could put a grant back into one that was revoked before it, from an older one.
type Statement struct {
	Store [16]byte  // the store's UUID
	At    time.Time // when the snapshot was begun, in milliseconds; what was acknowledged before is in it

	// AuditNext is the number of the first audit record that may be of a later change: those before it
	// are of changes in the snapshot, or changed nothing. AuditLast is the SHA-256 of the line before
	// it; zero when there was none, or it could not be read.
	AuditNext uint64
	AuditLast [sha256.Size]byte
}

const (
	statementMagic, statementVersion = "QKMSMADE", 1
	statementSize                    = 8 + 4 + 16 + 8 + 8 + sha256.Size + sha256.Size
)

// encode signs s for a stream with that digest.
func (s Statement) encode(ring *seal.Ring, stream [sha256.Size]byte) []byte {
	b := make([]byte, 0, statementSize)
	b = append(b, statementMagic...)
	b = binary.BigEndian.AppendUint32(b, statementVersion)
	b = append(b, s.Store[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.At.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, s.AuditNext)
	b = append(b, s.AuditLast[:]...)
	return append(b, statementMAC(ring, stream, b)...)
}

// statementMAC binds a statement to its stream. Its key is of no other use.
func statementMAC(ring *seal.Ring, stream [sha256.Size]byte, said []byte) []byte {
	key := ring.Derive("backup statement v1")
	mac := hmac.New(sha256.New, key[:])
	mac.Write(stream[:])
	mac.Write(said)
	return mac.Sum(nil)
}

// A signed is a statement that was read and not verified yet.
type signed struct {
	Statement
	said, mac []byte
}

// parse reads the rest of a file, which must be a statement and nothing else. at is where it begins.
func parse(in io.Reader, at int64) (*signed, error) {
	b, err := io.ReadAll(io.LimitReader(in, statementSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) < statementSize:
		return nil, fmt.Errorf("at byte %d: the file is cut short, in the statement at its end", at+int64(len(b)))
	case string(b[:8]) != statementMagic:
		return nil, fmt.Errorf("at byte %d: the statement at the end is not there", at)
	case binary.BigEndian.Uint32(b[8:]) != statementVersion:
		return nil, fmt.Errorf("at byte %d: a statement of version %d, this program knows %d: use a newer one", at+8, binary.BigEndian.Uint32(b[8:]), statementVersion)
	case len(b) > statementSize:
		return nil, fmt.Errorf("at byte %d: something stands behind the end", at+statementSize)
	}
	s := &signed{said: b[:statementSize-sha256.Size], mac: b[statementSize-sha256.Size:]}
	s.Store = [16]byte(b[12:28])
	s.At = time.UnixMilli(int64(binary.BigEndian.Uint64(b[28:]))).UTC()
	s.AuditNext = binary.BigEndian.Uint64(b[36:])
	s.AuditLast = [sha256.Size]byte(b[44:])
	return s, nil
}

// ErrForged is returned for a file that reads well and that the store did not sign: it was put together
// by somebody else, or changed.
var ErrForged = errors.New("the backup was not written by the store whose keys are in it, or was changed since")

func (s *signed) verify(ring *seal.Ring, stream [sha256.Size]byte) error {
	if !hmac.Equal(s.mac, statementMAC(ring, stream, s.said)) || !bytes.Equal(s.Store[:], idOf(ring)) {
		return ErrForged
	}
	return nil
}

func idOf(ring *seal.Ring) []byte {
	id := ring.StoreID()
	return id[:]
}
