package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"qkms/internal/trace"
)

// A verb is one row of the table of commands.
type verb struct {
	name     string // "access-key create"
	operands string // what follows the flags, for the usage line: "ID"; in brackets: may be left out
	brief    string // one line of `qkms help`
	about    string // the rest of the verb's own help
	takes    string // the names of its flags, see Config.flag
	defaults func(*Config)
	run      func(ctx context.Context, c *command) error
}

// A command is a verb as it was called.
type command struct {
	Config
	stdio
	operands []string
	tracer   *trace.Tracer // of serve and dev; nil: none
	env      func(string) string
}

// run does what args say. Errors that are the caller's mistake are usageErrors.
func run(ctx context.Context, args []string, env func(string) string, std stdio) error {
	v, rest, err := find(args)
	if err != nil {
		return err
	}
	c := &command{Config: defaultConfig(), stdio: std, env: env}
	if v.defaults != nil {
		v.defaults(&c.Config)
	}
	fs := flag.NewFlagSet(v.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are returned, help is ours
	for name := range strings.FieldsSeq(v.takes) {
		c.flag(fs, name)
	}
	if err := c.parse(fs, v, rest); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			v.help(std.out, fs)
			return nil
		}
		return err
	}
	return v.run(ctx, c)
}

// find matches the longest name of a verb that args begin with.
func find(args []string) (verb, []string, error) {
	if len(args) == 0 {
		return verb{}, nil, misused("a verb is missing; `qkms help` lists them")
	}
	switch args[0] {
	case "-h", "--help", "-help":
		return verb{run: help}, nil, nil
	}
	var group []string
	for _, v := range verbs() {
		words := strings.Fields(v.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == v.name {
			return v, args[len(words):], nil
		}
		if len(words) > 1 && words[0] == args[0] {
			group = append(group, words[1])
		}
	}
	if len(group) > 0 {
		return within(args, group)
	}
	return verb{}, nil, misused("unknown verb %q; `qkms help` lists them", args[0])
}

// within explains a first word whose second is missing, unknown or a question.
func within(args, group []string) (verb, []string, error) {
	choice := strings.Join(group, ", ")
	switch {
	case len(args) == 1:
		return verb{}, nil, misused("qkms %s needs one of: %s", args[0], choice)
	case strings.HasPrefix(args[1], "-h"), args[1] == "--help":
		return verb{run: help}, nil, nil
	}
	return verb{}, nil, misused("unknown verb %q; after %s comes one of: %s", args[0]+" "+args[1], args[0], choice)
}

// parse takes flags from the environment, then from args, where they may stand before or after the
// operands.
func (c *command) parse(fs *flag.FlagSet, v verb, args []string) (err error) {
	fs.VisitAll(func(f *flag.Flag) {
		if value := c.env(variable(f.Name)); value != "" && err == nil {
			if e := fs.Set(f.Name, value); e != nil {
				err = misused("$%s: %q: %v", variable(f.Name), value, e)
			}
			if l, is := f.Value.(*several); is {
				l.preset = true
			}
		}
	})
	for err == nil {
		if err = fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			text := strings.Replace(err.Error(), "flag provided but not defined: -", "unknown flag --", 1)
			return misused("qkms %s: %s; `qkms %s -h` explains", v.name, text, v.name)
		}
		if fs.NArg() == 0 {
			break
		}
		c.operands = append(c.operands, fs.Arg(0))
		args = fs.Args()[1:]
	}
	if err != nil {
		return err
	}
	if want := strings.Fields(v.operands); len(c.operands) > len(want) {
		return misused("qkms %s: unexpected %q; `qkms %s -h` explains", v.name, c.operands[len(want)], v.name)
	} else if len(c.operands) < len(want) && !strings.HasPrefix(want[len(c.operands)], "[") {
		return misused("qkms %s: %s is missing; `qkms %s -h` explains", v.name, want[len(c.operands)], v.name)
	}
	return nil
}

// variable is the environment variable that gives a flag's default: QKMS_ROOT_KEY of --root-key.
func variable(name string) string {
	return "QKMS_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// help is `qkms help`.
func help(_ context.Context, c *command) error {
	fmt.Fprint(c.out, "qkms is a key management service that speaks the AWS KMS API.\n\nUsage: qkms VERB [flags]\n\n")
	for _, v := range verbs() {
		fmt.Fprintf(c.out, "  %-20s %s\n", v.name, v.brief)
	}
	fmt.Fprint(c.out, "\n`qkms VERB -h` explains a verb. Every flag can also be set in the environment:\n--root-key as $QKMS_ROOT_KEY, and so on; the command line wins.\n")
	return nil
}

func (v verb) help(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "Usage: qkms %s", v.name)
	if v.takes != "" {
		fmt.Fprint(w, " [flags]")
	}
	if v.operands != "" {
		fmt.Fprint(w, " "+v.operands)
	}
	fmt.Fprintf(w, "\n\n%s.\n", v.brief)
	if v.about != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(v.about))
	}
	if v.takes == "" {
		return
	}
	fmt.Fprint(w, "\nFlags:\n")
	fs.VisitAll(func(f *flag.Flag) {
		holder, text := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "  --%s\n        %s", strings.TrimSpace(f.Name+" "+holder), text)
		if f.DefValue != "" && f.DefValue != "false" {
			fmt.Fprintf(w, " (default %s)", f.DefValue)
		}
		fmt.Fprintln(w)
	})
}
