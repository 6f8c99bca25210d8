package fault

// The sentences of STS (access §2.4).

// AssumeDenied is a role that the caller may not assume, or that is not there.
func AssumeDenied(caller, action, role string) *Error {
	return New(AccessDenied, "User: %s is not authorized to perform: %s on resource: %s", caller, action, role) // [R]
}

// AssumeDeniedTo is the same to who has no name yet.
func AssumeDeniedTo(action string) *Error {
	return New(AccessDenied, "Not authorized to perform %s", action) // [R]
}

func RootAssumes() *Error {
	return New(AccessDenied, "Roles may not be assumed by root accounts.") // [P]
}

// NotARoleARN is an ARN that is none of a role of the partition.
func NotARoleARN(arn string) *Error { return New(Validation, "%s is invalid", clip(arn)) } // [R]

func SessionTooLong() *Error {
	return New(Validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.") // [P]
}

func ChainedSessionTooLong() *Error {
	return New(Validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.") // [P]
}

func SessionOfSession() *Error {
	return New(AccessDenied, "Cannot call GetSessionToken with session credentials") // [P]
}

// SessionOfService answers a service principal, which has no account to have sessions in. [U]
func SessionOfService() *Error {
	return New(AccessDenied, "Cannot call GetSessionToken with the credentials of a service principal")
}

// NoSecondFactor answers who shows one. [U]
func NoSecondFactor() *Error {
	return New(InvalidParameter, "There are no MFA devices here. Leave SerialNumber and TokenCode out.")
}

// NoContexts answers who passes ProvidedContexts. [U]
func NoContexts() *Error {
	return New(InvalidParameter, "There are no trusted context providers here. Leave ProvidedContexts out.")
}

// Session tags and source identity.

func DuplicateSessionTags() *Error {
	return New(InvalidParameter, "Duplicate tag keys found. Please note that Tag keys are case insensitive.") // [R]
}

func ReservedSessionTag() *Error {
	return New(InvalidParameter, "Tag keys starting with 'aws:' are reserved for system use.") // [U]
}

func TransitiveTagMissing() *Error {
	return New(InvalidParameter, "The specified transitive tag key must be included in the requested tags.") // [R]
}

func TransitiveTagTaken() *Error {
	return New(InvalidParameter, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.") // [P]
}

func TooManySessionTags(most int) *Error {
	return New(InvalidParameter, "The session would have more than %d tags, with those that it inherits.", most) // [U]
}

func SourceIdentityKept() *Error {
	return New(AccessDenied, "The source identity of a session cannot be changed: pass the one of the calling session, or none.") // [U]
}

// Session policies.

// SessionPolicyMissing is a managed policy that is not there, or of another account than the role. [U]
func SessionPolicyMissing(arn string) *Error {
	return New(InvalidParameter, "The session policy %s does not exist in the account of the session.", clip(arn))
}

// PackedPolicyTooBig and PackedTagsTooBig say by how many per cent a session says more than its token holds.
func PackedPolicyTooBig(percent int) *Error {
	return New(PackedPolicy, "Packed policy consumes %d%% of allotted space, please use smaller policy.", percent) // [P]
}

func PackedTagsTooBig(percent int) *Error {
	return New(PackedPolicy, "Packed size of session tags consumes %d%% of allotted space.", percent) // [P]
}

// TLS client certificates: all [U], since AWS has no such operation.

func NoClientCertificate() *Error {
	return New(Validation, "The connection has no TLS client certificate. Connect by TLS, not through a proxy that ends it, and present one.")
}

func ClientCertificateExpired() *Error {
	return New(InvalidIdentity, "The TLS client certificate is not valid at this time. Renew it, and have its key registered again if that has ended too.")
}

func ClientCertificateName(name string) *Error {
	return New(Validation, "The name %s of the certificate cannot name a session. Give RoleSessionName.", clip(name))
}

// ProviderIDGiven answers who names a provider of OAuth 2.0, of which there are none here. [U]
func ProviderIDGiven() *Error {
	return New(InvalidParameter, "ProviderId is for OAuth 2.0 access tokens, which are not accepted. Leave it out, and send an ID token of OpenID Connect.")
}

// LoginOfService answers a service principal who wants to look after an account, and has none. [U]
func LoginOfService() *Error {
	return New(AccessDenied, "Cannot call ConsoleLogin with the credentials of a service principal")
}
