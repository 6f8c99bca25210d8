// Package wire turns HTTP requests into messages of the AWS JSON 1.1 protocol, and answers into HTTP.
//
// Read takes a request in, once; Answer and Refuse send the only two kinds of response. It knows the
// protocol's spelling (headers, envelopes, status codes), not what operations mean: bodies are decoded
// by the types of package shape, and nothing here looks at credentials beyond noticing their absence.
package wire
