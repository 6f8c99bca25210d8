package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"qkms/internal/admin"
	"qkms/internal/node"
	"qkms/internal/seal"
	"qkms/internal/store"
)

// initialise is `qkms init`. It makes what is missing and nothing else, in an order in which it can
// be interrupted anywhere and run again: root key, store, TLS pair, access key.
func initialise(ctx context.Context, c *command) error {
	if c.RootKey != "" && c.PassphraseFile != "" {
		return misused("--root-key or --passphrase-file, not both; `qkms root add` adds the other one")
	}
	if err := ownDir(c.Data); err != nil {
		return err
	}
	made, err := c.makeStore(ctx)
	if err != nil {
		return err
	}
	if !c.NoTLS {
		madeTLS, err := c.makeTLS()
		if err != nil {
			return err
		}
		made = made || madeTLS
	}
	if c.NoAccessKey {
		c.next(made)
		return nil
	}
	keys, err := admin.Do(ctx, c.place(), admin.ListAccessKeys, admin.InAccount{}, nil)
	switch {
	case err != nil:
		return err
	case len(keys) > 0 && !made:
		return fmt.Errorf("%s is initialised, with %d access keys: nothing was changed; `qkms access-key create` makes another", c.Data, len(keys))
	case len(keys) > 0:
		return nil
	}
	k, err := admin.Do(ctx, c.place(), admin.CreateAccessKey, admin.NewAccessKey{Account: c.Account, Description: "first access key, made by qkms init"}, nil)
	if err != nil {
		return err
	}
	line(c.out, "")
	if err := c.printSecret(k); err != nil {
		return err
	}
	c.next(true)
	return nil
}

// next says what comes after init.
func (c *command) next(made bool) {
	if !made {
		line(c.out, "%s is initialised: nothing was changed.", c.Data)
		return
	}
	line(c.out, "\nStart it with: qkms serve --data %s%s%s", c.Data, c.storeFlag(), c.opener())
}

// opener is what serve has to be told to open the store that init made.
func (c *command) opener() string {
	switch {
	case c.PassphraseFile != "":
		return " --passphrase-file " + c.PassphraseFile
	case c.RootKey != "":
		return " --root-key " + c.RootKey
	}
	return ""
}

// makeStore makes root key and store; false when the store is there. A key file is only made while
// there is no database, so that none ever lies beside a store that it does not open.
func (c *command) makeStore(ctx context.Context) (bool, error) {
	src, file := c.first()
	url, err := c.storeURL()
	if err != nil {
		return false, err
	}
	config := node.Config{Dir: c.Data, Store: url}
	made, err := node.Made(ctx, config)
	if err != nil || made && url != "" {
		return false, err
	}
	madeFile := file != "" && !exists(file) && !made
	if madeFile {
		if err := seal.NewKeyFile(file); err != nil {
			return false, err
		}
	}
	err = node.Init(ctx, config, src)
	if errors.Is(err, node.ErrInitialised) || c.served(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	where := c.Data
	if url != "" {
		where = "the database"
	}
	line(c.out, "Made a store in %s.", where)
	switch {
	case c.PassphraseFile != "":
		line(c.out, "The passphrase opens it: without it every key is lost.")
		return true, nil
	case file == "":
		line(c.out, "The %s opens it: without it every key is lost.\n  Keep a copy apart from the data and from its backups.", src)
		return true, nil
	}
	whose := "The root key was there already:"
	if madeFile {
		whose = "Made a root key:"
	}
	line(c.out, "%s %s\n  Without it every key is lost; with it and a copy of %s anybody has them all.\n  Keep a copy apart from the data and from its backups.", whose, file, where)
	return true, nil
}

// first is the source that a new store is opened by, and the key file to make if it is not there. What serve is
// to find in the environment is taken from there; a credential is made by whoever hands it over, never here,
// where it would be gone with this process.
func (c *command) first() (src seal.Source, file string) {
	env, inEnv := seal.Credential(c.env)
	switch {
	case c.PassphraseFile != "":
		return c.passphraseIn(c.PassphraseFile), ""
	case c.RootKey != "":
	case c.env("QKMS_ROOT_KEY_FILE") != "":
		c.RootKey = c.env("QKMS_ROOT_KEY_FILE")
	case inEnv:
		return env, ""
	default:
		c.RootKey = filepath.Join(c.Data, "root.key")
	}
	return seal.KeyFile(c.RootKey), c.RootKey
}

// served reports whether a running server has the store: then it has been made.
func (c *command) served(err error) bool {
	return errors.Is(err, store.ErrLocked) && exists(admin.Socket(c.Data))
}
