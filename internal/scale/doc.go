// Package scale is what many keys, many grants and many nodes cost.
package scale
