package fips204

import (
	"crypto/sha3"
	"math/bits"
)

// A poly is a polynomial of degree below 256 or its image under the NTT; its coefficients are below q.
type poly [n]uint32

// zetas are ζ^brv(m) mod q, where brv reverses the 8 bits of m (FIPS 204, Appendix B).
var zetas = func() (z [n]uint32) {
	power := uint32(1)
	for m := range uint8(255) {
		z[bits.Reverse8(m)] = power
		power = mul(power, zeta)
	}
	z[bits.Reverse8(255)] = power
	return z
}()

func mul(a, b uint32) uint32 { return uint32(uint64(a) * uint64(b) % q) }
func add(a, b uint32) uint32 { return (a + b) % q }
func sub(a, b uint32) uint32 { return (a + q - b) % q }

// ntt is Algorithm 41.
func (w *poly) ntt() {
	m := 0
	for length := n / 2; length >= 1; length /= 2 {
		for start := 0; start < n; start += 2 * length {
			m++
			for j := start; j < start+length; j++ {
				t := mul(zetas[m], w[j+length])
				w[j], w[j+length] = add(w[j], t), sub(w[j], t)
			}
		}
	}
}

// inverseNTT is Algorithm 42.
func (w *poly) inverseNTT() {
	m := n
	for length := 1; length < n; length *= 2 {
		for start := 0; start < n; start += 2 * length {
			m--
			for j := start; j < start+length; j++ {
				t := w[j]
				w[j] = add(t, w[j+length])
				w[j+length] = mul(zetas[m], sub(w[j+length], t))
			}
		}
	}
	for j := range w {
		w[j] = mul(w[j], inverse)
	}
}

func (w *poly) addProduct(a, b *poly) {
	for i := range w {
		w[i] = add(w[i], mul(a[i], b[i]))
	}
}

func (w *poly) subProduct(a, b *poly) {
	for i := range w {
		w[i] = sub(w[i], mul(a[i], b[i]))
	}
}

// rejNTTPoly is an element of Â (Algorithms 30 and 32).
func rejNTTPoly(rho []byte, column, row byte) (a poly) {
	G := sha3.NewSHAKE128()
	_, _ = G.Write(rho)
	_, _ = G.Write([]byte{column, row})
	for i := 0; i < n; {
		var b [168]byte // the rate of SHAKE128, a multiple of 3
		_, _ = G.Read(b[:])
		for j := 0; j < len(b) && i < n; j += 3 {
			v := uint32(b[j]) | uint32(b[j+1])<<8 | uint32(b[j+2]&0x7f)<<16
			if v < q {
				a[i] = v
				i++
			}
		}
	}
	return a
}

// sampleInBall is Algorithm 29: τ coefficients of c are 1 or -1.
func (p *params) sampleInBall(seed []byte) (c poly) {
	H := sha3.NewSHAKE256()
	_, _ = H.Write(seed)
	var signs [signBytes]byte
	_, _ = H.Read(signs[:])
	for i := n - p.tau; i < n; i++ {
		var j [1]byte
		for _, _ = H.Read(j[:]); int(j[0]) > i; {
			_, _ = H.Read(j[:])
		}
		c[i] = c[j[0]]
		bit := i + p.tau - n
		c[j[0]] = sub(1, 2*uint32(signs[bit/8]>>(bit%8)&1))
	}
	return c
}

// decodeT1 reads one polynomial of t1 (Algorithm 18), times 2^d.
func decodeT1(in []byte) (t poly) {
	for i := range t {
		t[i] = bitsAt(in, 10*i, 10) << d // below 2²³, so below q + 2¹³: reduced below
		t[i] %= q
	}
	return t
}

// decodeZ reads z (Algorithm 19). It refuses coefficients of γ1-β or more, which an honest signer
// never lets out.
func (p *params) decodeZ(in []byte) ([]poly, bool) {
	z := make([]poly, p.l)
	for i := range z {
		for j := range z[i] {
			v := sub(p.gamma1, bitsAt(in[i*p.zSize():], j*p.zBits, p.zBits))
			if min(v, q-v) >= p.gamma1-p.beta {
				return nil, false
			}
			z[i][j] = v
		}
	}
	return z, true
}

// decodeHint is Algorithm 21. It refuses all but one encoding of each hint: with several, whoever sees
// a signature could make another one.
func (p *params) decodeHint(y []byte) ([]poly, bool) {
	h := make([]poly, p.k)
	index := 0
	for i := range h {
		end := int(y[p.omega+i])
		if end < index || end > p.omega {
			return nil, false
		}
		for first := index; index < end; index++ {
			if index > first && y[index-1] >= y[index] {
				return nil, false
			}
			h[i][y[index]] = 1
		}
	}
	for ; index < p.omega; index++ {
		if y[index] != 0 {
			return nil, false
		}
	}
	return h, true
}

// bitsAt reads count bits, at most 20, from bit position at, least significant first.
func bitsAt(in []byte, at, count int) uint32 {
	var v uint32
	for i := at / 8; i*8 < at+count; i++ {
		v |= uint32(in[i]) << (8 * (i - at/8)) // at most 4 bytes: 4 + 20 bits fit
	}
	return v >> (at % 8) & (1<<count - 1)
}
