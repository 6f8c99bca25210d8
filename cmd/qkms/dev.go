package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"qkms/internal/admin"
	"qkms/internal/authn"
	"qkms/internal/gate"
	"qkms/internal/node"
	"qkms/internal/seal"
	"qkms/internal/seed"
)

// devAlias names the key that the printed examples use.
const devAlias = "alias/dev"

// dev is `qkms dev`: everything made that is missing, nothing that others could reach.
func dev(ctx context.Context, c *command) error {
	address, err := loopback(ctx, c.Listen)
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		return err
	}
	if err != nil {
		return fmt.Errorf("qkms dev speaks plain HTTP, and listens on loopback only (127.0.0.1, [::1] or localhost): %w; for a network there are `qkms init` and `qkms serve`", err)
	}
	c.Regions = nil // every well-formed one
	if c.Operators == nil {
		c.Operators = []string{c.Account}
	}
	c.Identity.Loopback = true
	seeds, err := c.seeds()
	if err != nil {
		return err
	}
	if err := c.tracing(); err != nil {
		return err
	}
	c.limitMemory(ctx)
	paceCollector()
	ln, err := listen(ctx, address)
	if err != nil {
		return err
	}
	h, err := c.openDev(ctx)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	key, err := c.furnish(ctx, h, seeds)
	if err != nil {
		return errors.Join(err, ln.Close(), h.Close())
	}
	announce := func() error { return c.announce(ln.Addr(), key) }
	return c.until(ctx, h, gate.HTTP(h.Admission, nil, h.Logger), h.Connections.Listen(ln), announce)
}

func (c *command) seeds() (*seed.File, error) {
	if c.Seed == "" {
		return new(seed.File), nil
	}
	return seed.Read(c.Seed)
}

// openDev opens the store, and makes it if there is none. A start that was interrupted while making
// it is continued: the key file comes first, and is made only while there is no database.
func (c *command) openDev(ctx context.Context) (*admin.Host, error) {
	if err := ownDir(c.Data); err != nil {
		return nil, err
	}
	file := filepath.Join(c.Data, "root.key")
	if !exists(file) && !exists(admin.NextKeyFile(file)) && !exists(node.Database(c.Data)) {
		if err := seal.NewKeyFile(file); err != nil {
			return nil, err
		}
	}
	c.RootKey = file
	if exists(file) {
		err := node.Init(ctx, node.Config{Dir: c.Data}, seal.KeyFile(file))
		if err != nil && !errors.Is(err, node.ErrInitialised) {
			return nil, err
		}
	}
	return c.open(ctx)
}

// A devKey is the credential that dev prints.
type devKey struct{ id, secret string }

// furnish makes sure of the fixtures, of alias/dev and of a credential: the first of the seed for the
// root user of this account if it has one, else the oldest there is, so that it stays the same.
func (c *command) furnish(ctx context.Context, h *admin.Host, seeds *seed.File) (devKey, error) {
	if err := seeds.Apply(ctx, h.Node); err != nil {
		return devKey{}, err
	}
	if err := seed.MakeAlias(ctx, h.Node, c.Account, c.Region, devAlias); err != nil {
		return devKey{}, err
	}
	for _, k := range seeds.AccessKeys {
		if k.Account == c.Account && k.User == "" {
			return devKey{k.ID, k.Secret}, nil
		}
	}
	id, secret, err := h.AccessKeys.Oldest(ctx, c.Account)
	if errors.Is(err, authn.ErrNoAccessKey) {
		var made admin.AccessKeyMade
		made, err = admin.CreateAccessKey.Perform(ctx, h, admin.Self(), admin.NewAccessKey{Account: c.Account, Description: "qkms dev"}, nil)
		id, secret = made.ID, made.Secret
	}
	return devKey{id, secret}, err
}

// announce prints, when connections are already accepted, what a shell needs to use the server.
func (c *command) announce(addr net.Addr, k devKey) error {
	exports := strings.Join([]string{
		"export AWS_ENDPOINT_URL=http://" + addr.String(),
		"export AWS_ACCESS_KEY_ID=" + k.id,
		"export AWS_SECRET_ACCESS_KEY=" + quoted(k.secret),
		"export AWS_REGION=" + c.Region,
		"export AWS_DEFAULT_REGION=" + c.Region, // what version 1 of the AWS CLI reads
	}, "\n") + "\n"
	if c.EnvFile != "" {
		if err := replaceFile(c.EnvFile, []byte(exports)); err != nil {
			return fmt.Errorf("write --env-file: %w", err)
		}
	}
	console := ""
	if c.Console {
		console = fmt.Sprintf("\nOr sign in with this access key at http://%s/console/\n", addr)
	}
	_, err := fmt.Fprintf(c.out, `QKMS for development at http://%s
Account %s, data in %s; plain HTTP, reachable from this machine only.

Tell the shell:

%s
Then try, with the AWS CLI:

aws kms generate-data-key --key-id %[5]s --key-spec AES_256
aws kms generate-data-key-without-plaintext --key-id %[5]s --key-spec AES_256 --query CiphertextBlob --output text | base64 --decode > data-key.enc
aws kms decrypt --ciphertext-blob fileb://data-key.enc --query Plaintext --output text
%[6]s
Ctrl-C ends it. Over the same data the credentials stay the same.
`, addr, c.Account, c.Data, exports, devAlias, console)
	return err
}

// quoted is s as a word for a shell; what is made here needs no quotes, what a seed brings may.
func quoted(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.,:@%"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// replaceFile writes a file that only its owner can read, whole or not at all: whoever waits for it to
// appear finds it complete.
func replaceFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
