// Package footprint says how much memory things take.
package footprint

import "reflect"

// Room is how many bytes the allocator of Go takes for an object of n bytes, about.
func Room(n int) int64 {
	switch {
	case n <= 0:
		return 0
	case n <= 1024:
		return int64(n+15) &^ 15
	}
	return int64(n + n/8)
}

// Object is how many bytes the allocator of Go takes for a T, without what it refers to.
func Object[T any]() int64 { return Room(int(reflect.TypeFor[T]().Size())) }
