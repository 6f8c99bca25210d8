// Package tree holds no code: its test says which package may know which.
package tree
