package roster

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	version = 1
	// MaxFile is the most that a file may have, in bytes.
	MaxFile = 1 << 20
)

// Read returns the text of a file.
func Read(path string) ([]byte, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > MaxFile:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return text, nil
}

// Parse reads the text of a file: of each document an account, by default the one given. path is for errors,
// which say the line and quote no value that stands where none should. What only the store can tell, such as
// whether a policy that is named exists, Compare finds out.
func Parse(path string, text []byte, account string) (*File, error) {
	f := &File{path: path}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	for {
		d := struct {
			Version int `yaml:"version"`
			Account `yaml:",inline"`
		}{}
		err := dec.Decode(&d)
		switch {
		case errors.Is(err, io.EOF) && len(f.Accounts) == 0:
			return nil, fmt.Errorf("%s is empty", path)
		case errors.Is(err, io.EOF):
			return f, f.finish()
		case err != nil:
			return nil, fmt.Errorf("%s: %w", path, Unquoted(err))
		case d.Version != version:
			return nil, fmt.Errorf("%s: version %d is not known: each document begins with `version: %d`", path, d.Version, version)
		}
		d.Account.Account = cmp.Or(d.Account.Account, account)
		f.Accounts = append(f.Accounts, &d.Account)
	}
}

// Of is Parse of accounts that stand in another file.
func Of(path string, accounts []Account, account string) (*File, error) {
	f := &File{path: path}
	for _, a := range accounts {
		a.Account = cmp.Or(a.Account, account)
		f.Accounts = append(f.Accounts, &a)
	}
	return f, f.finish()
}

// What the YAML package says that a reader of the file need not know, or nobody should: it quotes the
// value that it found in the wrong place, which may be a secret.
var (
	quoted  = regexp.MustCompile("`[^`]*`")
	clutter = regexp.MustCompile(`yaml: (unmarshal errors:)?\s*| in(to)? type .*$| into .*$|!!`)
)

// Unquoted is an error of the YAML package in one line and without values.
func Unquoted(err error) error {
	var lines []string
	for line := range strings.SplitSeq(quoted.ReplaceAllString(err.Error(), "value"), "\n") {
		if line = strings.TrimSpace(clutter.ReplaceAllString(line, "")); line != "" {
			lines = append(lines, line)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

// at is an error about what stands on a line, or with 0 about no line.
func (f *File) at(line int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if line == 0 {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	return fmt.Errorf("%s:%d: %w", f.path, line, err)
}
