// Package front serves HTTP/1.1 as AWS SDKs speak it, for less than net/http takes, and leaves to net/http whatever else may come.
//
// New makes a Server of an http.Server; Serve, Shutdown and Close are then as net/http has them.
//
// Request smuggling needs two who read the same bytes differently. This package reads almost nothing. It knows one form of
// request, the one that AWS SDKs send: "POST / HTTP/1.1", lines that end in CR LF, names of letters, digits and hyphens, each
// once, values of printable ASCII, one Host, one Content-Length of plain digits, no other framing and nothing that asks for
// more than an answer. A connection that brings a byte beyond that, be it an attack, a mistake or merely rare, is net/http's
// from the beginning of that request on and for good, with all the bytes that came. So nothing here refuses, repairs
// or interprets: what is accepted means the same to every reader of RFC 9112, and net/http is the judge of the rest. Fuzzing
// holds the two against each other, byte for byte (FuzzFront).
//
// The same goes for who is slow. A request that is not there a second after its first byte, or that comes in many
// pieces, is net/http's, whose limits and timeouts hold for it as ever.
package front
