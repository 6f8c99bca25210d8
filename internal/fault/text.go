package fault

import "strings"

// Every fixed sentence of the service stands here, with where it comes from: [R] recorded from the
// real service, [P] reported from it by third parties, [D] documented, [U] our choice
// (docs/compat.md lists those). Sections are those of the operations specification unless "access".

// Protocol and authentication (access §1.6).

func MissingAuthentication() *Error { return New(MissingToken, "Missing Authentication Token") } // [R]

func UnknownTarget() *Error { return Bare(UnknownOperation) } // [R]

// Malformed is a body that is not the JSON this API speaks. What says what was wrong and where, never
// quoting the body: it may hold a plaintext. [U]
func Malformed(what string) *Error { return New(Serialization, "%s", what) }

func BodyTooLarge(limit int) *Error {
	return New(RequestTooLarge, "The request body is larger than %d bytes.", limit) // [U]
}

// Throttled answers callers who ask more often than they may.
func Throttled() *Error {
	return New(Throttling, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.") // [D]
}

// RateExceeded is Throttled in the words of STS and IAM.
func RateExceeded() *Error { return New(Throttling, "Rate exceeded") } // [D]

// UnknownClient answers an access key that is unknown, disabled or deleted; which of the three, a
// stranger may not learn.
func UnknownClient() *Error {
	return New(UnrecognizedClient, "The security token included in the request is invalid.") // [R]
}

// SessionExpired answers temporary credentials whose time is over.
func SessionExpired() *Error {
	return New(ExpiredToken, "The security token included in the request is expired") // [R]
}

func SignatureMismatch() *Error {
	return New(InvalidSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.") // [R]
}

// Validation (§3). Each violation is one E of the grammar in §3.1.

func Violations(each []string) *Error {
	if len(each) == 1 {
		return New(Validation, "1 validation error detected: %s", each[0]) // [R]
	}
	return New(Validation, "%d validation errors detected: %s", len(each), strings.Join(each, "; ")) // [P]
}

// Names (§2.3).

func AliasesNotSupported() *Error {
	return New(InvalidArn, "Key Aliases are not supported for this operation.") // [R]
}

func ForeignRegion(region string) *Error { return New(NotFound, "Invalid arn %s", region) } // [R]

func MalformedArn(input string) *Error { return New(InvalidArn, "Invalid arn %s", input) } // [U]

// MalformedResource is a key ARN whose resource is no key id: no quotes here, unlike MalformedKeyID.
func MalformedResource(resource string) *Error { return New(NotFound, "Invalid keyId %s", resource) } // [P]

func MalformedKeyID(input string) *Error { return New(NotFound, "Invalid keyId '%s'", input) } // [R]

func KeyNotFound(arn string) *Error { return New(NotFound, "Key '%s' does not exist", arn) } // [R]

func AliasNotFound(arn string) *Error { return New(NotFound, "Alias %s is not found.", arn) } // [P]

// Authorization (§5.3, access §4.4).

// DeniedByIdentity is a refusal because the caller's own policies say nothing, where it is they that decide.
func DeniedByIdentity(caller, action, on string) *Error {
	return Denied(caller, action, on, "identity-based policy")
}

// DeniedByResource is a refusal by lack of a statement: neither key policy nor grant allows.
func DeniedByResource(caller, action, on string) *Error {
	return Denied(caller, action, on, "resource-based policy")
}

// Denied is a refusal because no policy of a kind allows. on names what the action is on: OnResource or
// OnCiphertext.
func Denied(caller, action, on, kind string) *Error {
	return New(AccessDenied, "User: %s is not authorized to perform: %s on %s because no %s allows the %s action", caller, action, on, kind, action).by(silent[kind]) // [R]
}

// DeniedExplicitly is a refusal by a statement of a policy of a kind. arn names a managed policy, and is
// empty of any other.
func DeniedExplicitly(caller, action, on, kind, arn string) *Error {
	if arn != "" {
		kind += ": " + arn
	}
	article := "a"
	if strings.HasPrefix(kind, "i") {
		article = "an"
	}
	return New(AccessDenied, "User: %s is not authorized to perform: %s on %s with an explicit deny in %s %s", caller, action, on, article, kind).by(ExplicitDeny) // [R]
}

// OnResource and OnCiphertext are how a refusal names a key: one that the caller named, or the one of a
// ciphertext.
func OnResource(arn string) string { return "resource: " + arn }

const OnThisResource = "this resource" // of another account [R]

const OnCiphertext = "the resource associated with this ciphertext" // [R]

// DeniedElsewhere is the answer about a key of another account: the same whether it exists or not.
func DeniedElsewhere(caller, action string) *Error {
	return New(AccessDenied, "User: %s is not authorized to perform: %s on this resource because the resource does not exist in this Region, "+
		"no resource-based policies allow access, or a resource-based policy explicitly denies access", caller, action).by(NotHere) // [R]
}

// DeniedCiphertext is Decrypt of a blob whose key is unknown, deleted, elsewhere or not the caller's.
func DeniedCiphertext(caller, action string) *Error {
	return New(AccessDenied, "User: %s is not authorized to perform: %s on the resource associated with this ciphertext because the resource "+
		"does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access", caller, action).by(NotHere) // [P]
}

// States (§9.2) and usage (§6).

func KeyDisabled(arn string) *Error { return New(Disabled, "%s is disabled.", arn) } // [R]

// KeyInState words a state the operation cannot work in: "pending deletion", "pending import", …
func KeyInState(arn, state string) *Error { return New(InvalidState, "%s is %s.", arn, state) } // [R] [D]

func NotPendingDeletion(arn string) *Error {
	return New(InvalidState, "%s is not pending deletion.", arn)
} // [D]

func WrongUsage(arn, usage, operation string) *Error {
	return New(InvalidKeyUsage, "%s key usage is %s which is not valid for %s.", arn, usage, operation) // [R]
}

func WrongAlgorithm(algorithm, spec string) *Error {
	return New(InvalidKeyUsage, "Algorithm %s is incompatible with key spec %s.", algorithm, spec) // [R]
}

func MessageTypeForSpec(kind, spec string) *Error {
	return New(Validation, "Message type %s is incompatible with key spec %s.", kind, spec) // [R]
}

func MessageTypeForAlgorithm(kind, algorithm string) *Error {
	return New(Validation, "Message type %s is incompatible with algorithm %s.", kind, algorithm) // [R]
}

func DigestLength(algorithm string) *Error {
	return New(Validation, "Digest is invalid length for algorithm %s.", algorithm) // [R]
}

func MuLength(algorithm string) *Error {
	return New(Validation, "External Mu is invalid length for algorithm %s.", algorithm) // [R]
}

func SignatureInvalid() *Error { return Bare(SignatureWrong) } // [R]

func MACInvalid() *Error { return Bare(MACMismatch) } // [R]

// Parameters (§3.4).

func PlaintextTooLong(algorithm, spec string, most int) *Error {
	return New(Validation, "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", algorithm, spec, most) // [R]
}

func ContextAsymmetric() *Error {
	return New(Validation, "EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.") // [R]
}

// RecipientIncomplete refuses a Recipient without one of its two members, which the model leaves optional.
func RecipientIncomplete() *Error {
	return New(Validation, "Recipient must have both KeyEncryptionAlgorithm and AttestationDocument") // [U]
}

func EitherBytesOrSpec() *Error {
	return New(Validation, "Please specify either number of bytes or key spec.") // [P]
}

// AsymmetricDataKey answers GenerateDataKey under an asymmetric key that encrypts.
func AsymmetricDataKey() *Error {
	return New(InvalidKeyUsage, "You cannot generate a data key with an asymmetric CMK") // [P]
}

func NumberOfBytesRequired() *Error { return New(Validation, "NumberOfBytes is required.") } // [R]

func KeyIDRequired() *Error { return New(Validation, "KeyId must not be null") } // [R]

func KeyUsageRequired() *Error {
	return New(Validation, "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.") // [R]
}

func UsageNotForSpec(usage, spec string) *Error {
	return New(Validation, "KeyUsage %s is not compatible with KeySpec %s", usage, spec) // [R]
}

func SpecNotForOrigin(spec, origin string) *Error {
	return New(Validation, "KeySpec %s is not supported for Origin %s", spec, origin) // [R]
}

func SpecNotInRegion(spec string) *Error {
	return New(Unsupported, "KeySpec %s is not supported in this Region", spec) // [P]
}

func TwoKeySpecs() *Error {
	return New(Validation, "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.") // [U]
}

func KeyQuota(quota int, usage uint64) *Error {
	return New(LimitExceeded, "Key quota for this account in this region is %d but the current usage is %d.", quota, usage) // [P]
}

func DeletionWindow() *Error {
	return New(Validation, "PendingWindowInDays must be between 7 and 30") // [P]
}

func ModifiersWithoutDryRun() *Error {
	return New(Validation, "DryRunModifiers can only be specified when DryRun is true") // [U]
}

// Aliases (§12.4).

func AliasPrefix() *Error {
	return New(Validation, `Alias must start with the prefix "alias/". Please see `+
		"https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html") // [R]
}

func AliasCharacters(alias string) *Error {
	return New(Validation, "%s contains invalid characters for an alias", alias) // [U]
}

func AliasReserved() *Error { return Bare(NotAuthorized) } // [U]

func AliasExists(arn string) *Error {
	return New(AlreadyExists, "An alias with the name %s already exists", arn) // [P]
}

func AliasToAlias() *Error { return New(Validation, "Aliases must refer to keys. Not aliases") } // [U]

func AliasQuota(quota, usage int) *Error {
	return New(LimitExceeded, "Aliases per key quota for this account in this region is %d, current usage is %d.", quota, usage) // [P]
}

func AliasUsageChange(arn, from, to string) *Error {
	return New(Validation, "Alias %s cannot be changed from a CMK with key usage %s to a CMK with key usage %s. "+
		"The key usage of the current CMK and the new CMK must be the same.", arn, from, to) // [U]
}

// Grants (§12.3, §13.4, access §6).

// MalformedPrincipal is an ARN that no principal can have.
func MalformedPrincipal(arn string) *Error { return New(InvalidArn, "ARN is not valid: %s", arn) } // [R]

// NoPrincipal is an ARN of what is no principal, or of none that exists.
func NoPrincipal(arn string) *Error {
	return New(InvalidArn, "ARN does not refer to a valid principal: %s", arn) // [R]
}

// NoPrincipalIn is a member of CreateGrant that is not an ARN and names nobody who exists.
func NoPrincipalIn(member string) *Error {
	return New(InvalidArn, "%s does not refer to a valid principal.", member) // [R] of GranteePrincipal
}

// NoPrincipalInput is NoPrincipalIn as ListGrants words it.
func NoPrincipalInput() *Error {
	return New(InvalidArn, "Input does not refer to a valid principal") // [R]
}

// NoRetiringPrincipal is NoPrincipalIn as ListRetirableGrants words it.
func NoRetiringPrincipal(id string) *Error {
	return New(NotFound, "Retiring principal %s could not be found", id) // [R]
}

// NotGrantable names the operations that cannot be granted on such a key, and those that can.
func NotGrantable(operations []string, kind, usage string, valid []string) *Error {
	return New(Validation, "Operations [%s] are not supported when creating a grant for %s KMS key with key usage %s. Valid operations are [%s]",
		strings.Join(operations, ", "), kind, usage, strings.Join(valid, ", ")) // [R] of "a symmetric", [U] of "an asymmetric"
}

func NoOperations() *Error {
	return Violations([]string{"Value '[]' at 'operations' failed to satisfy constraint: Member must have length greater than or equal to 1"}) // [U]
}

func ContextConstraintNotForKey() *Error {
	return New(Validation, "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key.") // [R]
}

func TwoContextConstraints() *Error {
	return New(Validation, "You cannot specify EncryptionContextEquals and EncryptionContextSubset in the same grant.") // [U]
}

func ContextConstraintPairs(most int) *Error {
	return New(Validation, "An encryption context constraint must have between 1 and %d pairs.", most) // [U]
}

func ContextConstraintLength(most int) *Error {
	return New(Validation, "The keys and values of an encryption context constraint must have at most %d characters.", most) // [U]
}

// EitherOf answers a request with two members that stand for each other.
func EitherOf(one, other string) *Error {
	return New(Validation, "You cannot specify %s and %s in the same request.", one, other) // [U]
}

func ServiceGrantIncomplete() *Error {
	return New(Validation, "A grant with a GranteeServicePrincipal must have a SourceArn constraint and a RetiringPrincipal or RetiringServicePrincipal.") // [U]
}

// ForServicesOnly answers a member that only a service principal may use: no caller here is one.
func ForServicesOnly(member string) *Error {
	return New(Validation, "%s can only be specified by a service principal.", member) // [U]
}

func GrantQuota(quota, usage int) *Error {
	return New(LimitExceeded, "Grants per key quota for this account in this region is %d, current usage is %d.", quota, usage) // [U]
}

func GrantNotFound(id string) *Error { return New(NotFound, "Grant '%s' does not exist", id) } // [U]

func BadGrantID() *Error { return Bare(InvalidGrantID) } // [U]

// BadGrantToken is one answer for every token that is of no use: it would help nobody to know which
// part of it is wrong.
func BadGrantToken() *Error { return Bare(InvalidGrantToken) } // [U]

func WhichGrant() *Error {
	return New(Validation, "Grant token OR (grant ID, key ID) must be specified") // [U]
}

// Tags (§12.1).

func TooManyTags() *Error { return New(Tagging, "Too many tags") } // [R]

func DuplicateTags() *Error { return New(Tagging, "Duplicate tag keys") } // [R]

func TagReserved() *Error { return New(Tagging, "Tags beginning with aws: are reserved") } // [R]

// Key policies (§12.2, access §3.6).

// PolicySyntax says what keeps a document from being a policy, and where. [D] code, [U] text
func PolicySyntax(what string) *Error {
	return New(MalformedPolicy, "Policy is not well-formed: %s", what)
}

func PolicyNoPrincipal() *Error {
	return New(MalformedPolicy, "Policy contains a statement with no principal.") // [R]
}

func PolicyPrincipal() *Error {
	return New(MalformedPolicy, "Policy contains a statement with one or more invalid principals.") // [R]
}

// TrustPrincipal refuses whom a trust policy names.
func TrustPrincipal(kind, name string) *Error {
	return New(MalformedPolicy, "Invalid principal in policy: %q:%q", kind, name) // [P]
}

func PolicyArn() *Error {
	return New(InvalidArn, "An ARN in the specified key policy is invalid.") // [R]
}

func PolicyLockout() *Error {
	return New(MalformedPolicy, "The new key policy will not allow you to update the key policy in the future.") // [R]
}

// PolicyForAllValues refuses ForAllValues on a key that has one value or none. [D]
func PolicyForAllValues(onContext bool) *Error {
	head, what := "OverlyPermissiveCondition:", "tag"
	if onContext {
		head, what = "OverlyPermissiveCondition:EncryptionContext:", "encryption context"
	}
	return New(MalformedPolicy, "%s Using the ForAllValues set operator with a single-valued condition key matches requests without the specified %s "+
		"or with an unspecified %s. To fix, remove ForAllValues.", head, what, what)
}

func PolicyTooLong(size, most int) *Error {
	return New(LimitExceeded, "The key policy is %d bytes long; a key policy has at most %d.", size, most) // [U] text
}

func NoSuchPolicy() *Error { return New(NotFound, "No such policy exists") } // [P]

// Recipient (key material §4.3).

// BadAttestation says what is wrong with the document that the caller brought; the real service's
// exception and words for it are not known.
func BadAttestation(why string) *Error {
	return New(Validation, "The attestation document is not valid: %s.", why) // [U]
}

// Custom key stores (§13.10). Of all these sentences none is recorded, only that the first is none.

func NoKeyStore() *Error { return Bare(CustomStoreNotFound) } // [R]

// RequiredFor says which member is missing beside a value that another member has. [U]
func RequiredFor(member, other, value string) *Error {
	return New(Validation, "%s is required when %s is %s.", member, other, value)
}

// NotAllowedFor says which member does not go with a value that another member has. [U]
func NotAllowedFor(member, other, value string) *Error {
	return New(Validation, "%s cannot be specified when %s is %s.", member, other, value)
}

func KeyStoreByIDOrName() *Error {
	return New(Validation, "You cannot specify CustomKeyStoreId and CustomKeyStoreName in the same request.") // [U]
}

func ConnectivityNeedsEndpoint() *Error {
	return New(Validation, "To change XksProxyConnectivity, specify another XksProxyUriEndpoint as well.") // [U]
}

func KeyStoreNotForOrigin(id, kind, origin string) *Error {
	return New(Validation, "Custom key store %s is of type %s and cannot hold KMS keys with Origin %s.", id, kind, origin) // [U]
}

func RegionsNotForOrigin(origin string) *Error {
	return New(Unsupported, "MultiRegion is not supported for Origin %s", origin) // [U]
}

func NoRandomFrom(id, kind string) *Error {
	return New(Unsupported, "Custom key store %s is of type %s, which does not generate random bytes.", id, kind) // [U]
}

func KeyStoreInState(id, state, operation string) *Error {
	return New(KeyStoreInvalid, "Custom key store %s is %s, in which state %s is not valid.", id, state, operation) // [U]
}

func KeyStoreNameTaken(name string) *Error {
	return New(KeyStoreNameInUse, "A custom key store named %s already exists.", name) // [U]
}

func KeyStoreNotEmpty(id string, keys int) *Error {
	return New(KeyStoreHasKeys, "Custom key store %s contains KMS keys: %d.", id, keys) // [U]
}

func KeyStoreQuota(quota, usage int) *Error {
	return New(LimitExceeded, "Custom key store quota for this account in this region is %d but the current usage is %d.", quota, usage) // [U]
}

func ClusterTaken(cluster string) *Error {
	return New(ClusterInUse, "Cluster %s belongs to another custom key store.", cluster) // [U]
}

func ClusterUnrelated(cluster string) *Error {
	return New(ClusterNotRelated, "Cluster %s belongs to another custom key store and shares no history with the cluster of this one.", cluster) // [U]
}

func BadTrustAnchor() *Error {
	return New(TrustAnchorMismatch, "TrustAnchorCertificate is not one X.509 certificate in PEM.") // [U]
}

func ProxyURITaken(uri string) *Error {
	return New(ProxyURIInUse, "%s belongs to another custom key store.", uri) // [U]
}

func ProxyEndpointTaken(endpoint string) *Error {
	return New(ProxyEndpointInUse, "%s belongs to another custom key store, and one of the two is reached through a VPC endpoint service.", endpoint) // [U]
}

func ProxyServiceTaken(service string) *Error {
	return New(ProxyServiceInUse, "VPC endpoint service %s belongs to another custom key store.", service) // [U]
}

// Outcomes.

func WouldSucceed() *Error {
	return New(DryRun, "The request would have succeeded, but the DryRun option is set.") // [R]
}

func WrongKey() *Error {
	return New(IncorrectKey, "The key ID in the request does not identify a CMK that can perform this operation.") // [R]
}

func BadCiphertext() *Error { return Bare(InvalidCiphertext) } // [R]

func BadMarker() *Error { return Bare(InvalidMarker) } // [R]

// NotBuilt answers an operation, or a part of one, that this release does not have (docs/compat.md).
func NotBuilt(what string) *Error {
	return New(Unsupported, "%s is not supported by this release of QKMS.", what) // [U]
}

// StoreBusy answers when the store could not take a change in time; the caller may retry.
func StoreBusy() *Error { return Bare(DependencyTimeout) } // [U] no message

// InternalError answers what the service did not foresee: no message (§6 [U]).
func InternalError() *Error { return Bare(Internal) }
