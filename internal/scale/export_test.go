package scale

// What requests need of the store, for the tests that count it.
const (
	GetsOfMiss   = getsOfMiss
	GetsOfCreate = getsOfCreate
	GetsOfRetire = getsOfRetire
)

// Search is search.
var Search = search
