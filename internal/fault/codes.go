package fault

// Codes are all of them, for whatever counts by code.
var Codes = []Code{
	AccessDenied, AlreadyExists, ClusterInUse, ClusterNotRelated, Conflict, CustomStoreNotFound, DeleteConflict,
	DependencyTimeout, Disabled, DryRun, EntityExists, ExpiredImportToken, ExpiredToken, IDPCommunication,
	IDPRejected, IncompleteSignature, IncorrectKey, IncorrectMaterial, Internal, InvalidAction,
	InvalidAliasName, InvalidArn, InvalidCiphertext, InvalidGrantID, InvalidGrantToken, InvalidIdentity,
	InvalidImportToken, InvalidInput, InvalidKeyUsage, InvalidMarker, InvalidParameter, InvalidSignature,
	InvalidState, KeyStoreHasKeys, KeyStoreInvalid, KeyStoreNameInUse, KeyUnavailable, LimitExceeded,
	MACMismatch, MalformedInput, MalformedPolicy, MissingToken, NoSuchEntity, NotAuthorized, NotFound,
	PackedPolicy, PolicyNotAttachable, ProxyEndpointInUse, ProxyServiceInUse, ProxyURIInUse, RequestTooLarge,
	Serialization, SignatureWrong, Tagging, Throttling, TokenExpired, TrustAnchorMismatch, UnknownOperation,
	UnmodifiableEntity, UnrecognizedClient, Unsupported, Validation,
}
