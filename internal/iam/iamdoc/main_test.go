package main

import (
	"bytes"
	"os"
	"testing"
)

// The page in the tree is the one that the tables make.
func TestPage(t *testing.T) {
	got, err := os.ReadFile("../../../docs/iam.md")
	if err != nil || !bytes.Equal(got, page()) {
		t.Errorf("docs/iam.md is not what go generate ./internal/iam writes (%v)", err)
	}
}
