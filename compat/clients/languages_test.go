package clients_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// What Try it out offers for boto3 does what it says, where boto3 is installed.
func TestPython(t *testing.T) {
	if !installed(t, "python3", "-c", "import boto3") {
		return
	}
	tryAll(t, "python", "main.py", inOne("python3", "./run_snippets.py"))
}

// What Try it out offers for the AWS SDK for JavaScript does what it says, where Node.js is installed.
func TestJavaScript(t *testing.T) {
	if !installed(t, "node", "--version") {
		return
	}
	sdk(t)
	tryAll(t, "javascript", "main.mjs", inOne("node", "./run_snippets.mjs"))
}

// sdk fails the test where `npm ci` has not brought the AWS SDK for JavaScript.
func sdk(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../node_modules/@aws-sdk/client-kms"); err != nil {
		t.Fatalf("no AWS SDK for JavaScript: run `npm ci` in compat, as `make compat` does: %v", err)
	}
}

// What Try it out offers for the AWS SDK for Go does what it says.
func TestGo(t *testing.T) {
	tryAll(t, "go", "main.go", func(t *testing.T, dir string, all []program) []said {
		return inOne("go", "run", gather(t, dir, all))(t, dir, all)
	})
}

// gather makes one program of all, as each would take a second to link, and returns its folder. Changed in them are the four
// lines that name their package, their function main, fmt and log.
func gather(t *testing.T, dir string, all []program) string {
	t.Helper()
	change := strings.NewReplacer(
		"\nfunc main() {\n", "\nfunc Main() {\n",
		"\t\"fmt\"\n", "\tfmt \"qkms/compat/clients/said\"\n",
		"\t\"log\"\n", "\tlog \"qkms/compat/clients/said\"\n",
	)
	var imports, names strings.Builder
	for _, p := range all {
		name := filepath.Base(filepath.Dir(p.File))
		text, err := os.ReadFile(p.File)
		if err != nil {
			t.Fatal(err)
		}
		write(t, "package "+name+strings.TrimPrefix(change.Replace(string(text)), "package main"), p.File)
		fmt.Fprintf(&imports, "import %q\n", path.Join("qkms/compat/clients", dir, name))
		fmt.Fprintf(&names, "%s.Main, ", name)
	}
	write(t, fmt.Sprintf(collection, imports.String(), names.String()), dir, "main.go")
	return "./" + dir
}

const collection = `package main

import "log"
import "os"
import "qkms/compat/clients/said"
%s
func main() {
	if err := said.Run(os.Args[1], []func(){%s}); err != nil {
		log.Fatal(err)
	}
}
`
