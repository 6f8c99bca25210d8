package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Beside each segment lies a file of its records' hashes, 32 bytes each in order. It is not signed and
// need not be: hashes that lead to a signed root are the records', and then tell which record is not.

func leavesOf(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("audit-%020d.hashes", first))
}

var leavesName = regexp.MustCompile(`^audit-(\d{20})\.hashes$`)

// leafFiles lists the first numbers of the files of hashes in dir, ascending. They are there for segments
// that were moved away too, unless they went along.
func leafFiles(dir string) (firsts []uint64, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if m := leavesName.FindStringSubmatch(e.Name()); m != nil {
			if first, err := strconv.ParseUint(m[1], 10, 62); err == nil {
				firsts = append(firsts, first)
			}
		}
	}
	return firsts, err
}

// readLeaves reads the hashes of the records from begin up to end out of the file of the segment that
// begins at first; fewer when it has fewer.
func readLeaves(dir string, first, begin, end uint64) []tlog.Hash {
	f, err := os.Open(leavesOf(dir, first))
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	have := first + uint64(info.Size())/tlog.HashSize
	if end = min(end, have); begin >= end {
		return nil
	}
	b := make([]byte, (end-begin)*tlog.HashSize)
	if _, err := f.ReadAt(b, int64(begin-first)*tlog.HashSize); err != nil {
		return nil
	}
	return hashesOf(b)
}

func hashesOf(b []byte) []tlog.Hash {
	out := make([]tlog.Hash, len(b)/tlog.HashSize)
	for i := range out {
		out[i] = tlog.Hash(b[i*tlog.HashSize:])
	}
	return out
}

func bytesOf(hashes []tlog.Hash) []byte {
	return appendHashes(make([]byte, 0, len(hashes)*tlog.HashSize), hashes)
}

func appendHashes(b []byte, hashes []tlog.Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// openLeaves opens the file of hashes of the segment that begins at first, for more after the first n.
func openLeaves(dir string, first uint64, n int64) (*segment, error) {
	f, err := os.OpenFile(leavesOf(dir, first), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(n * tlog.HashSize); err != nil {
		f.Close()
		return nil, err
	}
	return &segment{f: f, size: n * tlog.HashSize}, nil
}
