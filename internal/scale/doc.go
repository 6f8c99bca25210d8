// Package scale is a model of many nodes over one store: what they put on it, and where it ends.
//
// It plays nodes in virtual time, call by call: the rules of package coherence, and what a call of the store
// costs as measured (Costs). Use Load.Play for what is steady, Herd.Play for the moment when every memory is
// empty. TestModelAgainstNodes compares it with three real nodes; docs/scale.md is what it says.
package scale

//go:generate go run qkms/internal/scale/scaledoc ../../docs/scale.md
