package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
	"qkms/internal/node"
)

// auditConfig is what the verbs about the audit log are told.
type auditConfig struct {
	// Dir is the directory of the log, which may be a copy. Empty: the data directory's.
	Dir string

	// Dirs are the logs that restore reads.
	Dirs []string

	// VerifierKey is the public key that checkpoints are verified with. Empty: the one that lies beside
	// the log, where whoever changes the log can change it too.
	VerifierKey string

	// Checkpoint is a file with a checkpoint that was kept elsewhere.
	Checkpoint string

	// Lines is how many records tail begins with; Follow makes it go on.
	Lines  int
	Follow bool

	// Query chooses the records of search; its Event is the record to prove, too.
	Query audit.Query

	// Consistency asks for a proof about two checkpoints.
	Consistency bool
}

// flag adds the flag with this name to fs, if it is one of these.
func (a *auditConfig) flag(fs *flag.FlagSet, name string) bool {
	text := func(p *string, usage string) { fs.StringVar(p, name, *p, usage) }
	switch name {
	case "audit-dir":
		if fs.Name() == "restore" {
			fs.Var(&several{all: &a.Dirs}, name, "an audit log of the deployment that was, `DIR`, or a copy; may be given again, or several separated by commas; if not given: audit in the data directory")
			break
		}
		text(&a.Dir, "the directory of the log, `DIR`, which may be a copy; if not given: audit in the data directory")
	case "verifier-key":
		text(&a.VerifierKey, "the log's public key, `VKEY`, as `qkms audit key` prints it; if not given: the one beside the log, which proves less")
	case "checkpoint":
		text(&a.Checkpoint, "compare with the checkpoint in `FILE`, which was kept elsewhere")
	case "n":
		fs.IntVar(&a.Lines, name, a.Lines, "begin with the last `N` records")
	case "f":
		fs.BoolVar(&a.Follow, name, a.Follow, "go on with what is recorded from now on")
	case "event":
		text(&a.Query.Event, "an operation's `NAME`, or the id of one event")
	case "key":
		text(&a.Query.Key, "records about this key: its ID, ARN, or the `NAME` it was asked for by")
	case "principal":
		text(&a.Query.Principal, "records of this caller: `WHO` is an account, ARN, user name or access key id")
	case "error":
		text(&a.Query.Error, "records of this failure, an exception's `NAME`; any: all failures")
	case "since":
		fs.Var((*moment)(&a.Query.Since), name, "records from this `TIME` on: 2026-01-02 or 2026-01-02T03:04:05Z")
	case "until":
		fs.Var((*moment)(&a.Query.Until), name, "records before this `TIME`")
	case "consistency":
		fs.BoolVar(&a.Consistency, name, a.Consistency, "prove that the log of checkpoint OLD is the beginning of that of NEW")
	default:
		return false
	}
	return true
}

// A moment is kept as records write it, or as a date.
type moment string

func (m *moment) String() string { return string(*m) }
func (m *moment) Set(s string) error {
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		*m = moment(s)
		return nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return fmt.Errorf("a time is written like 2026-01-02 or 2026-01-02T03:04:05Z")
	}
	*m = moment(at.UTC().Format(time.RFC3339))
	return nil
}

// auditSinks are the targets of --audit-sink.
func (c *command) auditSinks() ([]*sink.Target, error) {
	var targets []*sink.Target
	for _, url := range c.AuditSinks {
		t, err := sink.Parse(url, c.out)
		if err != nil {
			return nil, fmt.Errorf("--audit-sink: %w", err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func (c *command) auditDir() string {
	if c.Audit.Dir != "" {
		return c.Audit.Dir
	}
	return node.AuditDir(c.Data)
}

// verifierKey is the key given, or the one beside the log.
func (c *command) verifierKey() (string, error) {
	if c.Audit.VerifierKey != "" {
		return c.Audit.VerifierKey, nil
	}
	return audit.ReadVerifierKey(c.auditDir())
}

func auditKey(_ context.Context, c *command) error {
	key, err := audit.ReadVerifierKey(c.auditDir())
	if err != nil {
		return err
	}
	line(c.out, "%s", key)
	return nil
}

func auditTail(ctx context.Context, c *command) error {
	lines, err := audit.Tail(c.auditDir(), max(0, c.Audit.Lines))
	if err != nil {
		return err
	}
	var next uint64
	for _, ln := range lines {
		line(c.out, "%s", ln)
		if seq, ok := audit.SeqOf(ln); ok {
			next = seq + 1
		}
	}
	if !c.Audit.Follow {
		return nil
	}
	return audit.Follow(ctx, c.auditDir(), next, func(ln []byte) error {
		_, err := fmt.Fprintf(c.out, "%s\n", ln)
		return err
	})
}

func auditSearch(ctx context.Context, c *command) error {
	out := bufio.NewWriter(c.out)
	for e, err := range audit.Scan(c.auditDir()) {
		if err != nil {
			line(c.err, "qkms: %v", err) // the rest may hold what is looked for
		}
		if e.Line != nil && c.Audit.Query.Match(e.Line) {
			line(out, "%s", e.Line)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return out.Flush()
}

func auditVerify(_ context.Context, c *command) error {
	key, err := c.verifierKey()
	if err != nil {
		return err
	}
	var retained []byte
	if c.Audit.Checkpoint != "" {
		if retained, err = os.ReadFile(c.Audit.Checkpoint); err != nil {
			return err
		}
	}
	rep, err := audit.Verify(c.auditDir(), key, retained)
	if err != nil {
		return err
	}
	for _, p := range rep.Problems {
		line(c.out, "PROBLEM  %v", p)
	}
	c.printReport(rep)
	if c.Audit.VerifierKey == "" {
		line(c.err, "The key was taken from the log's own directory: whoever changed the log could have changed it. --verifier-key gives one kept elsewhere.")
	}
	if n := len(rep.Problems); n > 0 {
		return fmt.Errorf("problems found: %d", n)
	}
	return nil
}

func (c *command) printReport(rep audit.Report) {
	line(c.out, "%d records read, %d checkpoints", rep.Records, rep.Checkpoints)
	if rep.Newest.Size > 0 {
		line(c.out, "newest checkpoint: %d records, root %s, %s", rep.Newest.Size, rep.Newest.Root, rep.Newest.Time.UTC().Format(time.RFC3339))
	}
	if rep.Retired > 0 {
		line(c.out, "records 0 to %d were retired: the service removed them, as its checkpoints say; the tree proves the others", rep.Retired-1)
	}
	if rep.Unread > rep.Retired {
		line(c.out, "records %d to %d were not read: their segments were moved away", rep.Retired, rep.Unread-1)
	}
	if rep.Unsigned > 0 {
		line(c.out, "%d records after the newest checkpoint are not proven yet", rep.Unsigned)
	}
}

func auditProve(_ context.Context, c *command) error {
	if c.Audit.Consistency == (c.Audit.Query.Event != "") {
		return misused("--event ID, or --consistency OLD [NEW]: one of them")
	}
	key, err := c.verifierKey()
	if err != nil {
		return err
	}
	p, err := audit.NewProver(c.auditDir(), key)
	if err != nil {
		return err
	}
	var text string
	if c.Audit.Consistency {
		text, err = c.consistency(p, key)
	} else {
		text, err = p.Inclusion(c.Audit.Query.Event)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c.out, text)
	return err
}

func auditCheck(_ context.Context, c *command) error {
	if len(c.operands) != 1 || c.Audit.VerifierKey == "" {
		return misused("qkms audit check --verifier-key VKEY FILE: both are needed; `qkms audit key` prints the key where the log is")
	}
	text, err := os.ReadFile(c.operands[0])
	if err != nil {
		return err
	}
	p, err := audit.CheckProof(text, c.Audit.VerifierKey)
	if err != nil {
		return fmt.Errorf("the proof does not hold: %w", err)
	}
	at := fmt.Sprintf("the log %s as it was signed at %s, with %d records", p.Checkpoint.Origin, p.Checkpoint.Time.UTC().Format(time.RFC3339), p.Checkpoint.Size)
	if p.Record == nil {
		line(c.out, "Proven: %s begins with the log of %d records whose root was %s.", at, p.OldSize, p.OldRoot)
		return nil
	}
	line(c.out, "%s", p.Record)
	line(c.err, "Proven: this is record %d of %s.", p.Index, at)
	return nil
}

func (c *command) consistency(p *audit.Prover, key string) (string, error) {
	if len(c.operands) == 0 {
		return "", misused("qkms audit prove --consistency: OLD is missing; `qkms audit prove -h` explains")
	}
	sizes := make([]uint64, 2) // the second 0: the newest
	for i, operand := range c.operands {
		size, err := checkpointSize(p, operand, key)
		if err != nil {
			return "", err
		}
		sizes[i] = size
	}
	return p.Consistency(sizes[0], sizes[1])
}

// checkpointSize takes a number of records, or a file with a checkpoint, which must be one of this log.
func checkpointSize(p *audit.Prover, operand, key string) (uint64, error) {
	if n, err := strconv.ParseUint(operand, 10, 62); err == nil {
		return n, nil
	}
	signed, err := os.ReadFile(operand)
	if err != nil {
		return 0, err
	}
	kept, err := audit.OpenCheckpoint(signed, key)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", operand, err)
	}
	if here, ok := p.Checkpoint(kept.Size); ok && here.Root != kept.Root {
		return 0, fmt.Errorf("%s: the log here was rewritten: of its first %d records it has root %s, the checkpoint has %s", operand, kept.Size, here.Root, kept.Root)
	}
	return kept.Size, nil
}
