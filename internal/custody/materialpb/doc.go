// Package materialpb is the encoding of key material at rest, inside its seal.
package materialpb

//go:generate go run -C ../../../tools/protogen . internal/custody/materialpb
