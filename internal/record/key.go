package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"qkms/internal/store"
)

// A Key names a record: a space and its parts, encoded so that keys sort as their parts do. The zero
// Key names nothing.
//
// Each part ends in 00 01 and a 00 inside a part is written 00 FF, so no part can run into the next:
// an alias that contains a zero byte cannot be made to name somebody else's record.
type Key struct{ enc string }

// The spaces, each with the parts of its keys (docs/formats/records.md).
const (
	spaceKey      = "k"  // account, region, key id → Key
	spaceOwner    = "ki" // key id, region → Owner
	spaceMaterial = "m"  // account, region, key id, key material id → custody's own
	spacePolicy   = "p"  // account, region, key id → Policy
	spaceAlias    = "a"  // account, region, alias → Alias
	spaceAliasOf  = "ak" // account, region, key id, alias → AliasOf
	spaceGrant    = "g"  // account, region, key id, grant id → Grant
	spaceGrantTo  = "gp" // account, region, key id, H(grantee), grant id → GrantRef
	spaceGrantBy  = "gn" // account, region, key id, fingerprint, grant id → GrantRef
	spaceRetiring = "gr" // region, H(retiring principal), account, key id, grant id → GrantRef
	spaceGrants   = "gc" // account, region, key id → GrantCount
	spaceKeys     = "kc" // account, region → KeyCount
	spaceMulti    = "r"  // mrk id → MultiRegion
	spaceStore    = "c"  // account, region, custom key store id → KeyStore
	spaceStoreBy  = "cn" // account, region, name → KeyStoreName
	spaceLastUse  = "lu" // account, region, key id → LastUse
	spaceDue      = "d"  // due time, kind, account, region, key id, what → Due
	spaceAccess   = "uk" // access key id → AccessKey
	spaceUser     = "iu" // account, folded name → User
	spaceGroup    = "ig" // account, folded name → Group
	spaceRole     = "ir" // account, folded name → Role
	spaceManaged  = "ip" // account, folded name → ManagedPolicy
	spaceMember   = "im" // account, folded group, folded user → Member
	spaceAttached = "ia" // account, folded policy, kind, folded name → Attachment
	spaceProvider = "io" // account, url → Provider
	spaceCert     = "ic" // SPKI hash → Certificate
	spaceCertOf   = "in" // account, folded name → Certificate
	spaceOutbox   = "o"  // event id → Outbox
	spaceState    = "s"  // "seal" → seal's own, not sealed
	spaceSwap     = "sw" // shard, two digits → nothing: its version says how often the keys were exchanged
)

// keyParts says which parts of a space's keys are the account, region and id of a KMS key: its records
// share the key's shard. The other spaces shard by their whole keys.
var keyParts = map[string][3]int{
	spaceKey: {0, 1, 2}, spaceMaterial: {0, 1, 2}, spacePolicy: {0, 1, 2}, spaceAliasOf: {0, 1, 2}, spaceGrant: {0, 1, 2},
	spaceGrantTo: {0, 1, 2}, spaceGrantBy: {0, 1, 2}, spaceGrants: {0, 1, 2}, spaceRetiring: {2, 0, 3}, spaceDue: {2, 3, 4},
}

func newKey(space string, parts ...string) Key {
	var room [192]byte
	return Key{string(appendKey(room[:0], space, parts...))}
}

func appendKey(dst []byte, space string, parts ...string) []byte {
	dst = appendPart(dst, space)
	for _, p := range parts {
		dst = appendPart(dst, p)
	}
	return dst
}

func appendPart(dst []byte, part string) []byte {
	for {
		i := strings.IndexByte(part, 0)
		if i < 0 {
			return append(append(dst, part...), 0, 1)
		}
		dst = append(append(dst, part[:i+1]...), 0xff)
		part = part[i+1:]
	}
}

// split undoes newKey. ok is false for bytes that newKey does not make.
func split(enc string) (parts []string, ok bool) {
	var part []byte
	for i := 0; i < len(enc); i++ {
		if enc[i] != 0 {
			part = append(part, enc[i])
			continue
		}
		if i++; i == len(enc) {
			return nil, false
		}
		switch enc[i] {
		case 1:
			parts, part = append(parts, string(part)), nil
		case 0xff:
			part = append(part, 0)
		default:
			return nil, false
		}
	}
	return parts, len(part) == 0 && len(parts) > 0
}

// OfKey is the record of a KMS key.
func OfKey(account, region, id string) Key { return newKey(spaceKey, account, region, id) }

// OfOwner says whose a key id is, in a region.
func OfOwner(id, region string) Key { return newKey(spaceOwner, id, region) }

// OfMaterial is one version of a key's material.
func OfMaterial(account, region, id, material string) Key {
	return newKey(spaceMaterial, account, region, id, material)
}

// OfAlias is an alias; name includes "alias/".
func OfAlias(account, region, name string) Key { return newKey(spaceAlias, account, region, name) }

// OfAliasOf lists an alias under the key it points to.
func OfAliasOf(account, region, id, name string) Key {
	return newKey(spaceAliasOf, account, region, id, name)
}

// OfDue puts something that will happen to a key, or to what of it (a KeyMaterialId, or nothing), in
// order of time.
func OfDue(at time.Time, kind, account, region, id, what string) Key {
	return newKey(spaceDue, millis(at), kind, account, region, id, what)
}

// OfPolicy is a key's policy.
func OfPolicy(account, region, id string) Key { return newKey(spacePolicy, account, region, id) }

// OfMultiRegion is what the keys with one mrk id share.
func OfMultiRegion(id string) Key { return newKey(spaceMulti, id) }

// OfKeyCount says how many keys an account has in a region.
func OfKeyCount(account, region string) Key { return newKey(spaceKeys, account, region) }

// OfAccessKey is a credential.
func OfAccessKey(id string) Key { return newKey(spaceAccess, id) }

func ofOutbox(eventID string) Key { return newKey(spaceOutbox, eventID) }

func ofState() Key { return newKey(spaceState, "seal") }

const ofSwaps = spaceSwap + endOfPart // what their keys begin with

func ofSwap(shard int) Key { return newKey(spaceSwap, fmt.Sprintf("%02d", shard)) }

// millis sorts as time does: eight bytes, big-endian, of milliseconds since 1970.
func millis(t time.Time) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())))
}

// Part returns the i-th part of the key, the first after the space being 0.
func (k Key) Part(i int) string {
	parts, ok := split(k.enc)
	if !ok || i+1 >= len(parts) {
		panic("record: internal error: no such part") // every Key in a program was made by newKey
	}
	return parts[i+1]
}

// space returns the key's space.
func (k Key) space() string {
	parts, ok := split(k.enc)
	if !ok {
		panic("record: internal error: malformed key")
	}
	return parts[0]
}

// DueAt returns the time in a key made by OfDue.
func (k Key) DueAt() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64([]byte(k.Part(0)))))
}

// Shard is the shard whose head orders changes of the record: all records of one KMS key share one,
// so that what an operation reads of a key cannot change behind its checks.
func (k Key) Shard() int {
	space := k.partAt(0)
	switch at, ofKey := keyParts[strings.TrimSuffix(space, endOfPart)]; {
	case space == spaceOutbox+endOfPart, space == spaceLastUse+endOfPart:
		return store.Loose
	case space == spaceSwap+endOfPart:
		shard, err := strconv.Atoi(k.Part(0))
		if err != nil || shard < 0 || shard >= store.Shards {
			panic("record: internal error: malformed key")
		}
		return shard
	case ofKey:
		return shardOf(k.partAt(1+at[0]), k.partAt(1+at[1]), k.partAt(1+at[2]))
	default:
		return shardOf(k.enc)
	}
}

// shardOf hashes with FNV-1a of 32 bits. It is part of the format: another hash would be another store.
func shardOf(parts ...string) int {
	h := uint32(2166136261)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint32(p[i])) * 16777619
		}
	}
	return int(h % store.Shards)
}

// endOfPart ends a part, and is in none.
const endOfPart = "\x00\x01"

// partAt is the i-th part as it is encoded, with its end; the space is the 0th.
func (k Key) partAt(i int) string {
	for rest := k.enc; ; i-- {
		part, behind, ok := strings.Cut(rest, endOfPart)
		if !ok {
			panic("record: internal error: malformed key")
		}
		if i == 0 {
			return rest[:len(part)+len(endOfPart)]
		}
		rest = behind
	}
}

func (k Key) bytes() []byte { return []byte(k.enc) }

// Conflict is the error of what relied on the record and found it changed.
func (k Key) Conflict() error { return &store.Conflict{Key: k.bytes()} }

// after is the first key behind every key that begins with k.
func (k Key) after() []byte {
	end := k.bytes()
	end[len(end)-1]++ // 00 01 → 00 02: no key continues so, and all that begin with k are below
	return end
}

// begins is the range of the keys below k whose next part begins with start.
func (k Key) begins(start string) (from, to []byte) {
	from = bytes.TrimSuffix(appendPart(k.bytes(), start), []byte(endOfPart))
	if start == "" {
		return k.bytes(), k.after()
	}
	to = bytes.TrimRight(from, "\xff") // a zero byte in a part is 00 FF: what follows all that begin so is 01
	to = bytes.Clone(to)
	to[len(to)-1]++
	return from, to
}
