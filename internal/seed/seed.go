// Package seed makes the fixtures of other people's tests: keys with fixed ids and material, aliases,
// identities, access keys.
//
// Read a file, then Apply it. It is for `qkms dev`: whoever writes down a key in a file has no secret
// any more. A key whose material is in the file has the same KeyMaterialId in every store, so that a
// ciphertext checked in with a test opens wherever the seed is applied.
package seed

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"

	"qkms/internal/authn/sigv4"
	"qkms/internal/key"
	"qkms/internal/roster"
)

// A File is what a seed file says. Members that are left out take the File's Account and Region.
type File struct {
	Version    int              `yaml:"version"` // 1
	Account    string           `yaml:"account"` // empty: 111122223333
	Region     string           `yaml:"region"`  // empty: us-east-1
	Identities []roster.Account `yaml:"identities"`
	AccessKeys []AccessKey      `yaml:"access_keys"`
	Keys       []Key            `yaml:"keys"`

	path       string
	identities *roster.File
}

// An AccessKey is a credential of a user, or of an account's root user.
type AccessKey struct {
	ID          string `yaml:"id"` // 16 to 128 letters, digits and underscores
	Secret      string `yaml:"secret"`
	Account     string `yaml:"account"`
	User        string `yaml:"user"` // empty: the root user
	Description string `yaml:"description"`

	line int
}

// A Key is a symmetric KMS key.
type Key struct {
	ID          string   `yaml:"id"` // a UUID
	Account     string   `yaml:"account"`
	Region      string   `yaml:"region"`
	Description string   `yaml:"description"`
	Material    string   `yaml:"material"` // 32 bytes in hex or base64; empty: random
	Aliases     []string `yaml:"aliases"`  // with "alias/"
	Enabled     *bool    `yaml:"enabled"`  // nil: true

	line     int
	material []byte
}

const version = 1

// Read reads and checks a seed file. Its errors say the line, and never a secret.
func Read(path string) (*File, error) {
	text, err := roster.Read(path)
	if err != nil {
		return nil, fmt.Errorf("read seed: %w", err)
	}
	return Parse(path, text)
}

// Parse is Read of text; path is for errors.
func Parse(path string, text []byte) (*File, error) {
	f := &File{path: path}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	switch err := dec.Decode(f); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s is empty", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, roster.Unquoted(err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: only one YAML document is read", path)
	}
	if f.Version != version {
		return nil, fmt.Errorf("%s: version %d is not known: this is for version %d", path, f.Version, version)
	}
	if err := f.number(text); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, f.check()
}

// number notes on which line each item begins: a strict decoder does not tell.
func (f *File) number(text []byte) error {
	var items struct {
		AccessKeys []yaml.Node `yaml:"access_keys"`
		Keys       []yaml.Node `yaml:"keys"`
	}
	if err := yaml.Unmarshal(text, &items); err != nil {
		return roster.Unquoted(err)
	}
	for i := range f.AccessKeys {
		f.AccessKeys[i].line = items.AccessKeys[i].Line
	}
	for i := range f.Keys {
		f.Keys[i].line = items.Keys[i].Line
	}
	return nil
}

// at is an error about the item on a line.
func (f *File) at(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", f.path, line, fmt.Errorf(format, args...))
}

// check completes every item and refuses what could not be made.
func (f *File) check() error {
	seen := map[string]int{} // by what must be unique → line
	once := func(line int, name string) error {
		if before := seen[name]; before != 0 {
			return f.at(line, "%s is on line %d already", name, before)
		}
		seen[name] = line
		return nil
	}
	f.Account, f.Region = cmp.Or(f.Account, "111122223333"), cmp.Or(f.Region, "us-east-1")
	var err error
	if f.identities, err = roster.Of(f.path, f.Identities, f.Account); err != nil {
		return err
	}
	for i := range f.AccessKeys {
		a := &f.AccessKeys[i]
		a.Account = cmp.Or(a.Account, f.Account)
		if err := cmp.Or(f.checkAccessKey(a), once(a.line, "access key "+a.ID)); err != nil {
			return err
		}
	}
	for i := range f.Keys {
		k := &f.Keys[i]
		k.Account, k.Region = cmp.Or(k.Account, f.Account), cmp.Or(k.Region, f.Region)
		if err := cmp.Or(f.checkKey(k), once(k.line, "key "+k.ID+" in "+k.Region)); err != nil {
			return err
		}
		for _, name := range k.Aliases {
			if err := once(k.line, name+" of account "+k.Account+" in "+k.Region); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *File) checkAccessKey(a *AccessKey) error {
	switch {
	case !sigv4.IsAccessKeyID(a.ID):
		return f.at(a.line, "access key id %q is not 16 to 128 letters, digits and underscores", a.ID)
	case a.Secret == "" || len(a.Secret) > 256:
		return f.at(a.line, "the secret of access key %s is not 1 to 256 bytes", a.ID)
	case !key.IsAccount(a.Account):
		return f.at(a.line, "account %q is not twelve digits", a.Account)
	}
	return nil
}

var aliasName = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`) // AliasNameType of the model, without ":"

func (f *File) checkKey(k *Key) error {
	id, ok := key.CanonicalID(k.ID)
	switch {
	case !ok:
		return f.at(k.line, "key id %q is not a UUID", k.ID)
	case id[:4] == "mrk-":
		return f.at(k.line, "key id %q is a multi-Region key's; a seed makes single-Region keys", k.ID)
	case !key.IsAccount(k.Account):
		return f.at(k.line, "account %q is not twelve digits", k.Account)
	case !key.IsRegion(k.Region):
		return f.at(k.line, "%q is not a Region", k.Region)
	case len(k.Description) > 8192: // DescriptionType of the model
		return f.at(k.line, "the description is longer than 8192 bytes")
	}
	k.ID = id
	for _, name := range k.Aliases {
		if !aliasName.MatchString(name) {
			return f.at(k.line, "alias %q is not alias/ and 1 to 250 letters, digits, /, _ and -", name)
		}
		if err := key.CheckAliasName(name); err != nil {
			return f.at(k.line, "alias %q: %w", name, err)
		}
	}
	if k.Material != "" {
		if k.material = decode(k.Material); k.material == nil {
			return f.at(k.line, "material of key %s is not 32 bytes in hex or base64", k.ID)
		}
	}
	return nil
}

const materialSize = 32

// decode returns 32 bytes, or nil. Hex of 32 bytes is valid base64 of 48: the length decides.
func decode(s string) []byte {
	read := base64.StdEncoding.DecodeString
	if len(s) == hex.EncodedLen(materialSize) {
		read = hex.DecodeString
	}
	b, err := read(s)
	if err != nil || len(b) != materialSize {
		return nil
	}
	return b
}
