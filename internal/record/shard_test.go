package record_test

import (
	"hash/fnv"
	"testing"
	"time"

	"qkms/internal/record"
	"qkms/internal/store"
)

// Shards are part of the format (docs/formats/records.md): FNV-1a of the encoded account, Region and id of a KMS key
// for all that belongs to it, of the encoded key for any other record.
func TestShardOfRecords(t *testing.T) {
	ofKey := "111122223333\x00\x01us-east-1\x00\x01" + keyID + "\x00\x01"
	for name, row := range map[string]struct {
		key    record.Key
		hashed string
	}{
		"a key":             {record.OfKey(account, region, keyID), ofKey},
		"its grants":        {record.OfGrantCount(account, region, keyID), ofKey},
		"its deletion":      {record.OfDue(time.UnixMilli(1), "delete", account, region, keyID, ""), ofKey},
		"an alias":          {record.OfAlias(account, region, "alias/a\x00b"), "a\x00\x01111122223333\x00\x01us-east-1\x00\x01alias/a\x00\xffb\x00\x01"},
		"a key's odd id":    {record.OfKey(account, region, "\x00\x01"), "111122223333\x00\x01us-east-1\x00\x01\x00\xff\x01\x00\x01"},
		"the count of keys": {record.OfKeyCount(account, region), "kc\x00\x01111122223333\x00\x01us-east-1\x00\x01"},
	} {
		h := fnv.New32a()
		_, _ = h.Write([]byte(row.hashed))
		if got, want := row.key.Shard(), int(h.Sum32()%store.Shards); got != want {
			t.Errorf("%s: got shard %d, want %d", name, got, want)
		}
	}
}

func BenchmarkShard(b *testing.B) {
	k := record.OfGrant(account, region, keyID, "0000000000000000000000000000000000000000000000009e3779b97f4a7c15")
	b.ReportAllocs()
	for b.Loop() {
		_ = k.Shard()
	}
}
