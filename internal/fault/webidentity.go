package fault

import "time"

// The sentences of web identity tokens (access §2.4). None quotes the token: it is a credential until
// it expires.

// TokenNotJWT is what is no signed token of the compact form, or one that has two readings.
func TokenNotJWT() *Error {
	return New(InvalidIdentity, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)") // [P]
}

// NoProvider says that the role's account has registered no provider of that issuer.
func NoProvider(issuer string) *Error {
	return New(InvalidIdentity, "No OpenIDConnect provider found in your account for %s", clip(issuer)) // [R]
}

// NoVerificationKey is a provider that answers, but not with a key for this token.
func NoVerificationKey() *Error {
	return New(InvalidIdentity, "Couldn't retrieve verification key from your identity provider,  "+
		"please reference AssumeRoleWithWebIdentity documentation for requirements") // [R], with both spaces
}

// ProviderUnreachable is a provider that does not answer in time, or not at all.
func ProviderUnreachable(issuer string) *Error {
	return New(IDPCommunication, "The identity provider %s could not be reached to verify the token. Retry the request.", clip(issuer)) // [U]
}

func TokenSignatureWrong() *Error {
	return New(InvalidIdentity, "The signature of the ID Token does not verify with the keys of its issuer.") // [U]
}

func MissingClaim(name string) *Error {
	return New(InvalidIdentity, "Missing a required claim: %s", name) // [R]
}

// BadClaim is a claim of another type, or out of its bounds.
func BadClaim(name string) *Error {
	return New(InvalidIdentity, "The ID Token has an invalid claim: %s", name) // [U]
}

func WrongAudience() *Error { return New(InvalidIdentity, "Incorrect token audience") } // [R]

// TokenPast counts whole seconds since 1970.
func TokenPast(now, expires time.Time) *Error {
	return New(TokenExpired, "Token expired: current date/time %d must be before the expiration date/time %d", now.Unix(), expires.Unix()) // [R]
}

// TokenNotYetValid is a time of claim nbf or iat that is still to come.
func TokenNotYetValid(claim string, now, begins time.Time) *Error {
	return New(InvalidIdentity, "Token not yet valid: current date/time %d must not be before the date/time %d of claim %s",
		now.Unix(), begins.Unix(), claim) // [U]
}
