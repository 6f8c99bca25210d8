package fault

// Exceptions of the API model that this service raises, and the protocol's own.
const (
	AlreadyExists       Code = "AlreadyExistsException"
	CustomStoreNotFound Code = "CustomKeyStoreNotFoundException"
	DependencyTimeout   Code = "DependencyTimeoutException"
	Disabled            Code = "DisabledException"
	DryRun              Code = "DryRunOperationException"
	IncorrectKey        Code = "IncorrectKeyException"
	Internal            Code = "KMSInternalException"
	InvalidAliasName    Code = "InvalidAliasNameException"
	InvalidArn          Code = "InvalidArnException"
	InvalidCiphertext   Code = "InvalidCiphertextException"
	InvalidGrantToken   Code = "InvalidGrantTokenException"
	InvalidKeyUsage     Code = "InvalidKeyUsageException"
	InvalidMarker       Code = "InvalidMarkerException"
	InvalidState        Code = "KMSInvalidStateException"
	KeyUnavailable      Code = "KeyUnavailableException"
	LimitExceeded       Code = "LimitExceededException"
	MalformedPolicy     Code = "MalformedPolicyDocumentException"
	NotFound            Code = "NotFoundException"
	Tagging             Code = "TagException"
	Unsupported         Code = "UnsupportedOperationException"

	// Not modelled; every operation may answer them.
	AccessDenied        Code = "AccessDeniedException"
	ExpiredToken        Code = "ExpiredTokenException"
	IncompleteSignature Code = "IncompleteSignatureException"
	InvalidSignature    Code = "InvalidSignatureException"
	MissingToken        Code = "MissingAuthenticationTokenException"
	NotAuthorized       Code = "NotAuthorizedException"
	RequestTooLarge     Code = "RequestEntityTooLargeException"
	Serialization       Code = "SerializationException"
	Throttling          Code = "ThrottlingException"
	UnknownOperation    Code = "UnknownOperationException"
	UnrecognizedClient  Code = "UnrecognizedClientException"
	Validation          Code = "ValidationException"
)
