package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/sys/unix"
)

// A primitive is what an operation cannot do without, by the library that the product has for it.
type primitive func() error

func newP256() (primitive, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return func() error {
		digest := sha256.Sum256(message)
		_, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
		return err
	}, err
}

func newRSA() (primitive, error) {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	return func() error {
		digest := sha256.Sum256(message)
		_, err := rsa.SignPSS(rand.Reader, k, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		return err
	}, err
}

func newMLDSA() (primitive, error) {
	k, err := mldsa.GenerateKey(mldsa.MLDSA65())
	return func() error {
		_, err := k.Sign(nil, message, crypto.Hash(0))
		return err
	}, err
}

var message = make([]byte, 32)

// alone measures the primitive on one processor for a time: what one takes of it.
func (p primitive) alone(during time.Duration) (sample, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began, before := time.Now(), threadTime()
	n := 0
	for time.Since(began) < during {
		for range 8 {
			if err := p(); err != nil {
				return sample{}, err
			}
			n++
		}
	}
	return sample{perSecond: float64(n) / time.Since(began).Seconds(), server: (threadTime() - before) / time.Duration(n)}, nil
}

// threadTime is how long this thread has had a processor.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // of oneself: cannot fail
	return time.Duration(ts.Nano())
}
