// Command bench measures QKMS against a bare net/http handler and whatever else answers the same requests, all by turns
// within one run: docs/performance.md says what is measured, and what came of it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"qkms/bench/target"
)

// Config is what is measured, and for how long. Every field is a flag.
type Config struct {
	For     time.Duration    // of one phase; every server has one of each operation in a round
	Rounds  int              // medians are of so many
	Clients int              // of the closed loop
	Ops     *regexp.Regexp   // of the names of operations
	Parts   string           // of what is measured
	Keys    int              // in a store with many
	QKMS    []named          // programs; none: the source above is built
	Peers   bool             // measure others that are installed
	Others  []*target.Target // that run already
	Dir     string           // where data directories are made
	Page    string           // a file to write the tables into; empty: none
}

// A named is a program to measure, and what to call it: two of them are compared.
type named struct{ name, program string }

func main() {
	if len(os.Args) == 3 && os.Args[1] == target.BareVerb {
		exit(target.ServeBare(os.Args[2]))
	}
	c, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(c)
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(args []string) (*Config, error) {
	c := &Config{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.DurationVar(&c.For, "for", time.Second, "of one phase `TIME`; each server has one of each operation in a round")
	f.IntVar(&c.Rounds, "rounds", 5, "medians are of so many `ROUNDS`")
	f.IntVar(&c.Clients, "clients", 8, "how many `CLIENTS` ask at once")
	f.StringVar(&c.Parts, "parts", "operations,tls,http2,paced,keys", "what to measure, `LIST`")
	f.IntVar(&c.Keys, "keys", 20_000, "how many `KEYS` a store with many has")
	f.BoolVar(&c.Peers, "peers", true, "also measure what else is installed: moto_server")
	f.StringVar(&c.Page, "write", "", "write the tables into the `FILE`, between its marks")
	f.Func("peer", "also measure a server that runs, `NAME=URL[,PID]`, with the credentials of $AWS_ACCESS_KEY_ID; may be given again", func(s string) error {
		t, err := target.Peer(s)
		c.Others = append(c.Others, t)
		return err
	})
	f.Func("foreign", "also measure a server that runs and speaks another language, `NAME=FILE[,PID]`: the file has a whole HTTP/1.1 request that makes a data key there", func(s string) error {
		t, err := target.Foreign(s)
		c.Others = append(c.Others, t)
		return err
	})
	f.StringVar(&c.Dir, "dir", "", "make data directories in `DIR`, which is to be on a real disk; if not given: where temporary files are")
	ops := f.String("ops", "", "only operations whose name matches the regular `EXPRESSION`")
	f.Func("qkms", "measure the program `NAME=FILE`; may be given again, to compare. If not given: the source is built", func(s string) error {
		name, program, both := strings.Cut(s, "=")
		if !both {
			return errors.New("write NAME=FILE")
		}
		program, err := filepath.Abs(program)
		c.QKMS = append(c.QKMS, named{name, program})
		return err
	})
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	var err error
	c.Ops, err = regexp.Compile(*ops)
	return c, err
}

func run(c *Config) (err error) {
	if c.Dir, err = os.MkdirTemp(c.Dir, "qkms-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.Dir)
	if len(c.QKMS) == 0 {
		program, err := target.Build(c.Dir)
		if err != nil {
			return err
		}
		c.QKMS = []named{{"qkms", program}}
	}
	s := &session{Config: c}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.begin(); err != nil {
		return err
	}
	parts := map[string]func() error{"operations": s.matrix, "tls": s.secured, "http2": s.http2, "paced": s.paced, "keys": s.many}
	for name := range strings.SplitSeq(c.Parts, ",") {
		part, is := parts[name]
		if !is {
			return fmt.Errorf("%q is no part of what is measured", name)
		}
		if err := part(); err != nil {
			return err
		}
	}
	return s.publish()
}
