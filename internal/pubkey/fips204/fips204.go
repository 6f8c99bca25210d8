// Package fips204 verifies ML-DSA signatures of a message representative μ.
//
// No library that we know offers this; messages themselves are verified by filippo.io/mldsa, and so is
// everything signed (docs/decisions/0006-ml-dsa.md). The names are those of FIPS 204. Nothing here is
// secret, so nothing takes care to run in constant time: never use it to sign.
package fips204

import (
	"bytes"
	"crypto/sha3"
)

const (
	q = 8380417
	n = 256
	d = 13

	muSize    = 64
	seedSize  = 32         // ρ
	t1Size    = n * 10 / 8 // one polynomial of t1, 10 bits a coefficient: bitlen(q-1) - d
	zeta      = 1753       // a 512th root of unity
	inverse   = 8347681    // of 256 mod q
	signBytes = 8          // SampleInBall takes this many bytes for the signs
)

// params is a row of FIPS 204, Table 1.
type params struct {
	k, l   int    // Â has k rows and l columns
	tau    int    // τ: how many coefficients of c are not 0
	gamma1 uint32 // γ1
	gamma2 uint32 // γ2
	beta   uint32 // β = τ·η
	omega  int    // ω: at most this many hints
	cSize  int    // of c̃ in bytes: λ/4
	zBits  int    // of a coefficient of z: 1 + bitlen(γ1-1)
	wBits  int    // of a coefficient of w1
}

var all = []params{
	{k: 4, l: 4, tau: 39, gamma1: 1 << 17, gamma2: (q - 1) / 88, beta: 78, omega: 80, cSize: 32, zBits: 18, wBits: 6},
	{k: 6, l: 5, tau: 49, gamma1: 1 << 19, gamma2: (q - 1) / 32, beta: 196, omega: 55, cSize: 48, zBits: 20, wBits: 4},
	{k: 8, l: 7, tau: 60, gamma1: 1 << 19, gamma2: (q - 1) / 32, beta: 120, omega: 75, cSize: 64, zBits: 20, wBits: 4},
}

func (p *params) publicKeySize() int { return seedSize + p.k*t1Size }
func (p *params) zSize() int         { return n * p.zBits / 8 } // one polynomial of z
func (p *params) signatureSize() int { return p.cSize + p.l*p.zSize() + p.omega + p.k }

// VerifyMu says whether signature is one of the 64-byte representative mu under publicKey, in its
// encoding of FIPS 204. The parameter set is the one with public keys of this size. Any arguments that
// are of wrong sizes make it false.
//
// It is Algorithm 8, ML-DSA.Verify_internal, from line 8 on.
func VerifyMu(publicKey, mu, signature []byte) bool {
	for i := range all {
		if p := &all[i]; len(publicKey) == p.publicKeySize() {
			return len(mu) == muSize && len(signature) == p.signatureSize() && p.verify(publicKey, mu, signature)
		}
	}
	return false
}

func (p *params) verify(publicKey, mu, signature []byte) bool {
	rho, t1 := publicKey[:seedSize], publicKey[seedSize:]
	c, rest := signature[:p.cSize], signature[p.cSize:]
	z, ok := p.decodeZ(rest)
	if !ok {
		return false
	}
	h, ok := p.decodeHint(rest[p.l*p.zSize():])
	if !ok {
		return false
	}
	H := sha3.NewSHAKE256()
	_, _ = H.Write(mu)
	p.writeW1(H, rho, t1, c, z, h)
	again := make([]byte, p.cSize)
	_, _ = H.Read(again)
	return bytes.Equal(c, again)
}

// writeW1 writes w1Encode(w1′) to H, row by row: w1′ = UseHint(h, w′), where
// w′ = NTT⁻¹(Â∘NTT(z) − NTT(c)∘NTT(t1·2^d)).
func (p *params) writeW1(H *sha3.SHAKE, rho, t1, c []byte, z, h []poly) {
	for i := range z {
		z[i].ntt()
	}
	challenge := p.sampleInBall(c)
	challenge.ntt()
	for row := range p.k {
		var w poly
		for column := range z {
			a := rejNTTPoly(rho, byte(column), byte(row))
			w.addProduct(&a, &z[column])
		}
		t := decodeT1(t1[row*t1Size:])
		t.ntt()
		w.subProduct(&challenge, &t)
		w.inverseNTT()
		_, _ = H.Write(p.encodeW1(&w, &h[row]))
	}
}

// encodeW1 is w1Encode(UseHint(h, w)) of one polynomial (Algorithms 28 and 40).
func (p *params) encodeW1(w, h *poly) []byte {
	out := make([]byte, 0, n*p.wBits/8)
	var acc, bits uint32
	for i := range w {
		acc |= p.useHint(h[i] != 0, w[i]) << bits
		for bits += uint32(p.wBits); bits >= 8; bits -= 8 {
			out = append(out, byte(acc))
			acc >>= 8
		}
	}
	return out
}

// useHint is Algorithm 40 with Decompose, Algorithm 36: r1 is r divided by 2γ2, rounded, or its
// neighbour on the side of the remainder r0.
func (p *params) useHint(hint bool, r uint32) uint32 {
	m := (q - 1) / (2 * p.gamma2)
	r1, r0 := r/(2*p.gamma2), int64(r%(2*p.gamma2))
	if r0 > int64(p.gamma2) {
		r1, r0 = r1+1, r0-int64(2*p.gamma2)
	}
	if r1 == m { // r - r0 = q - 1
		r1, r0 = 0, r0-1
	}
	switch {
	case hint && r0 > 0:
		return (r1 + 1) % m
	case hint:
		return (r1 + m - 1) % m
	}
	return r1
}
