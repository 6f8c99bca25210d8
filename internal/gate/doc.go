// Package gate decides who is let in, before a request is looked at.
//
// Start with HTTP, whose handler is an Admission and whose listener is of Connections. Neither knows a caller or an
// operation: what they go by is how many there are, from where, and how busy the machine is.
package gate
