package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
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

// alone measures the primitive for a time on all processors at once, as a server has them that is asked without a pause:
// two of them may be one core, on which each is slower while the other works.
func (p primitive) alone(during time.Duration) (sample, error) {
	var mu sync.Mutex
	var n int
	var busy time.Duration
	var failed error
	var all sync.WaitGroup
	began := time.Now()
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			done, took, err := p.repeat(began.Add(during))
			mu.Lock()
			defer mu.Unlock()
			n, busy, failed = n+done, busy+took, errors.Join(failed, err)
		})
	}
	all.Wait()
	return sample{perSecond: float64(n) / time.Since(began).Seconds(), server: busy / time.Duration(max(n, 1))}, failed
}

// repeat does it again and again until a time, and says how often, and how long its thread had a processor.
func (p primitive) repeat(until time.Time) (n int, busy time.Duration, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadTime()
	for err == nil && time.Now().Before(until) {
		for range 8 {
			if err = p(); err != nil {
				break
			}
			n++
		}
	}
	return n, threadTime() - before, err
}

// threadTime is how long this thread has had a processor.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // of oneself: cannot fail
	return time.Duration(ts.Nano())
}
