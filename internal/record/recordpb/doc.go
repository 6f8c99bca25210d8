// Package recordpb is the messages of the store's records.
package recordpb

//go:generate go run -C ../../../tools/protogen . internal/record/recordpb
