package fault

// The sentences of the API that the console asks besides those of AWS.

// NotOperator answers who asks about the whole deployment, and is of an account that does not operate it.
func NotOperator(account string) *Error {
	return New(AccessDenied, "This is about the whole deployment, and account %s does not operate it. Its operator can say that it does: qkms serve --operator-account %s", account, account)
}

// OtherLog answers a marker that another node gave: each has a log of its own.
func OtherLog() *Error {
	return New(Validation, "This marker is of the audit log of another node. Each has a log of its own: begin again, or ask the node that gave it.")
}

// LookupOfService answers a service principal, which has no account and so no log.
func LookupOfService() *Error {
	return New(AccessDenied, "Cannot look up events with the credentials of a service principal")
}

// ExplanationOfService answers a service principal, which is of no account whose policies it could be told of. [U]
func ExplanationOfService() *Error {
	return New(AccessDenied, "A service principal has no account: sign in as somebody of the account whose policies shall be explained")
}

// NoSuchEvent is a number that no record of the account has.
func NoSuchEvent(sequence int) *Error {
	return New(NotFound, "There is no record %d of this account in the audit log of this node, or not any more.", sequence)
}

// EventUnsigned is a record that cannot be proven yet.
func EventUnsigned(sequence int) *Error {
	return New(Validation, "No checkpoint covers record %d yet; within a minute one will. Ask again then.", sequence)
}
