package fault

// The sentences of the Query protocol, which IAM and STS speak.

// NoAction and UnknownAction are requests to no operation (access §2.4 [U]).
func NoAction() *Error { return New(InvalidAction, "The request names no Action, or more than one.") }

func UnknownAction(action, version string) *Error {
	return New(InvalidAction, "Could not find operation %s for version %s", action, version)
}

// MalformedForm is a request that is no form. What says why, quoting nothing of it. [U]
func MalformedForm(what string) *Error { return New(MalformedInput, "%s", what) }

// MalformedParameter is a parameter that is not of its type. [U]
func MalformedParameter(name, want string) *Error {
	return New(MalformedInput, "The value of %s is not %s.", name, want)
}

// InvalidValue is a violation for which the API has a sentence of its own.
func InvalidValue(sentence string) *Error { return New(Validation, "%s", sentence) }

// InvalidMarkerOf is a marker that was not made here, or not for this request. [R]
func InvalidMarkerOf(marker string) *Error {
	return New(Validation, "Invalid Marker: %s", clip(marker))
}
