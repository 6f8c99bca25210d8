package audit

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A Proven is what a proof proves, under the checkpoint that it ends with.
type Proven struct {
	Checkpoint Checkpoint
	Record     []byte // of a proof of inclusion: the line that is record Index of the log
	Index      uint64

	OldSize uint64 // of a proof of consistency: the log began with a log of so many records,
	OldRoot string // whose root was this
}

var errNoProof = errors.New("it is not a proof of this form: docs/formats/audit-checkpoint.md §5")

// CheckProof checks a proof that was made by a Prover, or by somebody who says so, with nothing but the verifier key of
// the log. Whatever is in the text is a stranger's.
func CheckProof(text []byte, verifierKey string) (p Proven, err error) {
	head, signed, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		return p, errNoProof
	}
	if p.Checkpoint, err = OpenCheckpoint(signed, verifierKey); err != nil {
		return p, err
	}
	kind, rest, _ := strings.Cut(string(head), "\n")
	lines := strings.Split(rest, "\n")
	switch kind {
	case inclusionHead:
		err = p.inclusion(lines)
	case consistencyHead:
		err = p.consistency(lines)
	default:
		err = errNoProof
	}
	return p, err
}

func (p *Proven) inclusion(lines []string) error {
	if len(lines) < 2 {
		return errNoProof
	}
	index, isIndex := strings.CutPrefix(lines[0], "index ")
	record, isRecord := strings.CutPrefix(lines[1], "record ")
	n, err := strconv.ParseInt(index, 10, 62)
	hashes, failed := parseHashLines(lines[2:])
	if !isIndex || !isRecord || err != nil || n < 0 || failed != nil {
		return errNoProof
	}
	p.Index, p.Record = uint64(n), []byte(record)
	if err := tlog.CheckRecord(hashes, int64(p.Checkpoint.Size), p.Checkpoint.Root, n, tlog.RecordHash(p.Record)); err != nil {
		return fmt.Errorf("the record is not record %d of the log that the checkpoint is of: %w", n, err)
	}
	return nil
}

func (p *Proven) consistency(lines []string) error {
	old, isOld := strings.CutPrefix(lines[0], "old ")
	size, root, _ := strings.Cut(old, " ")
	n, err := strconv.ParseInt(size, 10, 62)
	was, failed := tlog.ParseHash(root)
	hashes, broken := parseHashLines(lines[1:])
	if !isOld || err != nil || n < 1 || failed != nil || broken != nil {
		return errNoProof
	}
	p.OldSize, p.OldRoot = uint64(n), was.String()
	if err := tlog.CheckTree(hashes, int64(p.Checkpoint.Size), p.Checkpoint.Root, n, was); err != nil {
		return fmt.Errorf("the log that the checkpoint is of does not begin with those %d records: %w", n, err)
	}
	return nil
}

// mostHashes is more than a log of 2^62 records needs.
const mostHashes = 128

func parseHashLines(lines []string) (all []tlog.Hash, err error) {
	if len(lines) > mostHashes {
		return nil, errNoProof
	}
	for _, line := range lines {
		text, is := strings.CutPrefix(line, "hash ")
		h, err := tlog.ParseHash(text)
		if !is || err != nil {
			return nil, errNoProof
		}
		all = append(all, h)
	}
	return all, nil
}
