package scale

import "time"

// A Spread is how a time is distributed, to a millisecond, up to a minute.
type Spread struct {
	n   int
	max time.Duration
	bin [60_001]int32
}

func (s *Spread) add(d time.Duration) {
	s.n++
	s.max = max(s.max, d)
	s.bin[min(int((d+time.Millisecond/2)/time.Millisecond), len(s.bin)-1)]++
}

// N is how many times were seen.
func (s *Spread) N() int { return s.n }

// Max is the longest.
func (s *Spread) Max() time.Duration { return s.max }

// Quantile is the time that a part q of them does not exceed; 0 when there were none.
func (s *Spread) Quantile(q float64) time.Duration {
	left := int(q * float64(s.n))
	for ms, n := range s.bin {
		if left -= int(n); left < 0 {
			return time.Duration(ms) * time.Millisecond
		}
	}
	return s.max
}

// above is the part of them that was longer than d.
func (s *Spread) above(d time.Duration) float64 {
	n := 0
	for _, count := range s.bin[int(d/time.Millisecond)+1:] {
		n += int(count)
	}
	return float64(n) / float64(max(s.n, 1))
}
