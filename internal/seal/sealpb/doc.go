// Package sealpb is the encoding of a store's wrapped keys, generated from state.proto.
package sealpb

//go:generate go run -C ../../../tools/protogen . internal/seal/sealpb
