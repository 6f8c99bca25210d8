package audit_test

import (
	"testing"

	"qkms/internal/audit"
)

func BenchmarkRender(b *testing.B) {
	r := decrypt()
	b.ReportAllocs()
	b.SetBytes(int64(len(r.Encode())))
	for b.Loop() {
		r.Encode()
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, signer := range map[string]*audit.Signer{"bare": nil, "tree": testSigner(b)} {
		b.Run(name, func(b *testing.B) {
			l := open(b, b.TempDir(), audit.Config{SpoolBytes: 1 << 40, Signer: signer})
			r := decrypt()
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Append(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendParallel(b *testing.B) {
	l := open(b, b.TempDir(), audit.Config{SpoolBytes: 1 << 40})
	r := decrypt()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.Append(r); err != nil {
				b.Error(err)
			}
		}
	})
}

// Many who wait share each flush.
func BenchmarkAppendDurableParallel(b *testing.B) {
	l := open(b, b.TempDir(), audit.Config{SpoolBytes: 1 << 40})
	b.SetParallelism(32)
	r := decrypt()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := l.AppendDurable(r); err != nil {
				b.Error(err)
			}
		}
	})
}
