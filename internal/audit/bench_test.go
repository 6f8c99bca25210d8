package audit_test

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"qkms/internal/audit"
)

// dataKey is the record of a GenerateDataKey by a user whom an identity policy allows it: what most of a log is.
func dataKey() *audit.Record {
	return &audit.Record{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), RequestID: request, EventName: "GenerateDataKey", Region: "us-east-1", SourceIP: "192.0.2.10",
		UserAgent: "aws-sdk-go-v2/1.30.0 os/linux lang/go#1.26.0 md/GOOS#linux md/GOARCH#amd64 api/kms#1.35.0",
		Identity: audit.Identity{
			Type: "IAMUser", PrincipalID: "AIDAIOSFODNN7EXAMPLE0", ARN: "arn:aws:iam::111122223333:user/alice",
			AccountID: account, AccessKeyID: "AKIAIOSFODNN7EXAMPLE", UserName: "alice",
		},
		Request: audit.Detail{
			audit.String("keyId", keyARN), audit.String("keySpec", "AES_256"),
			audit.StringMap("encryptionContext", map[string]string{"Purpose": "Test"}),
		},
		Additional: audit.Detail{audit.String("keyMaterialId", strings.Repeat("ab", 32))},
		Authorization: verdicts{{
			Action: "kms:GenerateDataKey", Allowed: true, Source: "IdentityPolicy", Policy: "use-keys", Of: "user/alice", Statement: 1, Sid: "Use",
		}},
		ReadOnly:         true,
		Resources:        []audit.Resource{{AccountID: account, ARN: keyARN}},
		RecipientAccount: account,
	}
}

func BenchmarkRender(b *testing.B) {
	for name, r := range map[string]*audit.Record{"session": decrypt(), "user": dataKey()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				r.Encode()
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, signer := range map[string]*audit.Signer{"bare": nil, "tree": testSigner(b)} {
		b.Run(name, func(b *testing.B) { load(b, signer, 0, (*audit.Log).Append) })
	}
}

// Each of the clients waits for its record, as those of a server do.
func BenchmarkAppendParallel(b *testing.B) {
	b.Run("clients=8", func(b *testing.B) { load(b, testSigner(b), 8, (*audit.Log).Append) })
	b.Run("clients=64", func(b *testing.B) { load(b, testSigner(b), 64, (*audit.Log).Append) })
}

// Many who wait share each flush.
func BenchmarkAppendDurableParallel(b *testing.B) {
	load(b, nil, 64, (*audit.Log).AppendDurable)
}

// load appends new records, and says what that costs the process besides the time.
func load(b *testing.B, signer *audit.Signer, clients int, add func(*audit.Log, *audit.Record, ...*audit.Record) error) {
	l := open(b, b.TempDir(), audit.Config{SpoolBytes: 1 << 40, Signer: signer})
	one := func(r *audit.Record) {
		r.EventID = ""
		if err := add(l, r); err != nil {
			b.Error(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	if clients == 0 {
		for r := dataKey(); b.Loop(); {
			one(r)
		}
	} else {
		b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			for r := dataKey(); pb.Next(); {
				one(r)
			}
		})
	}
	if err := l.Sign(); err != nil { // so that no hash is owed
		b.Error(err)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
