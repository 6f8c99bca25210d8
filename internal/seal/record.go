package seal

import (
	"encoding/binary"
	"fmt"
)

const (
	recordFormat = 1
	recordLabel  = "qkms record v1"
	recordHeader = 1 + 4 // format ‖ KEK id

	// Overhead is how many bytes longer a sealed record is than its plaintext.
	Overhead = recordHeader + boxOverhead
)

// AD is what a sealed record is bound to, besides its store: it opens under the same AD only.
type AD struct {
	Key    []byte // the full key in the store, its space included
	Ver    uint64 // the version written with it
	Schema uint32 // of the plaintext
}

func (r *Ring) recordAAD(ad AD, kek uint32) []byte {
	return Bind([]byte{recordFormat}, r.body.GetStore(), ad.Key, be64(ad.Ver), be32(ad.Schema), be32(kek))
}

// Seal encrypts plaintext under the current KEK; the result is Overhead bytes longer.
func (r *Ring) Seal(ad AD, plaintext []byte) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id := r.Current()
	out := make([]byte, 0, Overhead+len(plaintext))
	out = binary.BigEndian.AppendUint32(append(out, recordFormat), id)
	return sealBox(out, r.mustKeys().keks[id], recordLabel, nil, r.recordAAD(ad, id), plaintext)
}

// Open returns what was sealed under the same AD. Errors: ErrTampered, ErrUnknownKEK, ErrWiped.
func (r *Ring) Open(ad AD, sealed []byte) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id, err := KEKOf(sealed)
	if err != nil {
		return nil, err
	}
	kek, err := r.kek(id)
	if err != nil {
		return nil, err
	}
	return openBox(kek, recordLabel, nil, r.recordAAD(ad, id), sealed[recordHeader:])
}

// KEKOf returns the id of the KEK that a sealed record names, unverified: enough to find what is to be
// sealed again. ErrTampered when the bytes cannot be a sealed record.
func KEKOf(sealed []byte) (uint32, error) {
	if len(sealed) < Overhead {
		return 0, fmt.Errorf("%w: %d bytes are too few for a sealed record", ErrTampered, len(sealed))
	}
	if sealed[0] != recordFormat {
		return 0, fmt.Errorf("%w: sealed record of format %d, this version reads %d", ErrTampered, sealed[0], recordFormat)
	}
	return binary.BigEndian.Uint32(sealed[1:]), nil
}
