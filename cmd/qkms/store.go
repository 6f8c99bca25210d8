package main

import (
	"errors"
	"fmt"

	"qkms/internal/store/postgres"
)

// storeURL is where the store is: what --store says, or --store-file; empty: in the data directory. No error
// repeats it.
func (c *command) storeURL() (string, error) {
	switch {
	case c.Store != "" && c.StoreFile != "":
		return "", misused("--store or --store-file, not both")
	case c.StoreFile != "":
		line, err := readPassphrase(c.StoreFile, c.denied(c.StoreFile))
		if err == nil && !postgres.IsURL(string(line)) {
			err = errors.New("the first line is not postgres://USER:PASSWORD@HOST/DATABASE")
		}
		if err != nil {
			return "", fmt.Errorf("--store-file %s: %w", c.StoreFile, err)
		}
		return string(line), nil
	case c.Store != "":
		return c.Store, storeArgument("--store", c.Store, ", or the whole URL into a file for --store-file")
	}
	return "", nil
}

// storeArgument refuses a URL on the command line that is none, or shows a password. otherwise is where else than
// in $PGPASSFILE one could be.
func storeArgument(flag, url, otherwise string) error {
	switch {
	case !postgres.IsURL(url):
		return misused("%s is written postgres://USER@HOST/DATABASE", flag)
	case postgres.HasPassword(url):
		return misused("%s: a list of processes would show the password: put it into a file that $PGPASSFILE names%s", flag, otherwise)
	}
	return nil
}

// storeFlag is how serve has to be told of the same store.
func (c *command) storeFlag() string {
	switch {
	case c.StoreFile != "":
		return " --store-file " + c.StoreFile
	case c.Store != "":
		return " --store " + quoted(c.Store)
	}
	return ""
}
