package blob

import (
	"encoding/hex"
	"strings"
)

const multiRegionPrefix = "mrk-"

// parseKeyID returns the 16 bytes a canonical key id spells, with the flag that tells its form.
func parseKeyID(id string) (raw [16]byte, flags byte, ok bool) {
	digits, multiRegion := strings.CutPrefix(id, multiRegionPrefix)
	if multiRegion {
		return raw, flagMultiRegion, len(digits) == 32 && decodeLower(raw[:], digits)
	}
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return raw, 0, false
	}
	ok = decodeLower(raw[0:4], id[0:8]) && decodeLower(raw[4:6], id[9:13]) && decodeLower(raw[6:8], id[14:18]) &&
		decodeLower(raw[8:10], id[19:23]) && decodeLower(raw[10:16], id[24:36])
	return raw, 0, ok
}

// formatKeyID is the inverse of parseKeyID, for every 16 bytes: UUID version bits are not looked at,
// because what a blob names is decided by looking it up.
func formatKeyID(raw []byte, flags byte) string {
	var buf [36]byte
	if flags&flagMultiRegion != 0 {
		return string(hex.AppendEncode(append(buf[:0], multiRegionPrefix...), raw))
	}
	id := hex.AppendEncode(buf[:0], raw[0:4])
	for _, part := range [][]byte{raw[4:6], raw[6:8], raw[8:10], raw[10:16]} {
		id = hex.AppendEncode(append(id, '-'), part)
	}
	return string(id)
}

// decodeLower decodes exactly len(dst) bytes. Upper case would be a second spelling of the same id,
// which is why this is not hex.Decode.
func decodeLower(dst []byte, digits string) bool {
	if len(digits) != 2*len(dst) {
		return false
	}
	for i := range dst {
		high, low := nibble(digits[2*i]), nibble(digits[2*i+1])
		if high|low > 0xf {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// nibble returns the value of a lower-case hex digit, 0xff for anything else.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}
