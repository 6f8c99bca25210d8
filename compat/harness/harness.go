// Package harness runs the real qkms binary for tests that know the service only from outside.
//
// A test package hands its TestMain to Main; its tests call Start, and have a server on loopback over a
// data directory of their own. Nothing here imports a package of the product.
package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the program under test, set by Main.
var binary string

// Main builds qkms, runs the tests of a package of compat against it, and ends the process. $QKMS_BINARY
// names a program to test instead: a release, a build with -race.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "qkms-compat-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if binary = os.Getenv("QKMS_BINARY"); binary == "" {
		binary = filepath.Join(dir, "qkms")
		if err := build(binary); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// build builds the program in the product's own module, with the versions of its own go.mod and not
// with those that this module's dependencies would choose.
func build(to string) error {
	root, err := filepath.Abs(filepath.Join("..", "..")) // tests run in their package's directory
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !bytes.HasPrefix(mod, []byte("module qkms\n")) {
		return fmt.Errorf("%s is not the root of qkms: %w", root, err)
	}
	cmd := exec.Command("go", "build", "-o", to, "./cmd/qkms")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build qkms: %w\n%s", err, out)
	}
	return nil
}
