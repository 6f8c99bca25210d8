package clients_test

import (
	"os"
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
