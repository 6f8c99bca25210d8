package op

// A Choice is behaviour the specification leaves open, and what was chosen: for docs/compat.md.
type Choice struct{ About, Chosen string }

// Choices that are not one operation's own.
var Choices = []Choice{
	{"Operations not built", "UnsupportedOperationException that names the operation, after authentication."},
	{"Body over 1 MiB", "HTTP 413, `RequestEntityTooLargeException`."},
	{"Not a request of this API (method, path, content type)", "XML as AWS's shared front end sends it: 404 `UnknownOperationException`, or 403 `MissingAuthenticationTokenException` without credentials. `application/json` is accepted."},
	{"JSON that AWS may read and we refuse", "A known member or a map key that occurs twice, nesting over 16, invalid UTF-8, and text after the body are SerializationException: two parsers must not see two requests. Unknown members are ignored."},
	{"Order of violations", "Of one request in the model's member order, at most 50; of one member length, range or enum, then pattern."},
	{"Malformed ARN (service, partition, fields)", "InvalidArnException `Invalid arn <input>`."},
	{"Key ARN with a malformed id", "NotFoundException `Invalid keyId <what follows key/>`."},
	{"`arn:verenc:…`", "Understood wherever an ARN is; printed under `--arn-style verenc`. It names no Region: the Region of the request is meant."},
	{"Authentication order", "Target and content type, then the signature, then the body is decoded."},
	{"Presigned requests", "Verified like others, ±5 minutes when X-Amz-Expires is absent; a security token after signing is refused."},
	{"`Authorization` quoted in an error", "With its signature masked, cut at 1 KiB."},
	{"Session tokens", "There are none yet: any is UnrecognizedClientException."},
	{"Disabled or deleted access key", "UnrecognizedClientException, as for one that never existed."},
	{"Who may", "The root user of an account may do everything with what the account owns. Nobody else may do anything, but for RetireGrant: there are no users or roles yet, and policies and grants are kept and decide nothing."},
	{"Another account's key", "AccessDeniedException in the words for a key that may not exist, whether it does or not."},
	{"The store cannot take a change now (full, busy, outcome unknown)", "DependencyTimeoutException, HTTP 500, which SDKs retry."},
	{"The audit log cannot take a record", "KMSInternalException, HTTP 500, and no result: no record, no answer."},
	{"Material that is missing", "KeyUnavailableException, HTTP 500."},
	{"Keys past their deletion date", "Gone to every caller from that instant on, aliases included, whether or not the sweep has come by."},
	{"Quotas", "50 aliases and 50,000 grants per key. The quota of keys and request rates are not enforced yet."},
	{"Principals in key policies", "Their form is checked, not their existence: there are no users or roles yet."},
	{"Lockout safety check", "A statement with a Condition counts against the caller: an Allow under a condition does not show that the policy can be changed again, a Deny under one does."},
	{"PutKeyPolicy while deletion is pending", "Allowed, as recorded in operations.md; access.md §3.6 has it refused."},
	{"Errors in a policy's syntax", "MalformedPolicyDocumentException that says what is wrong and in which statement."},
	{"Multi-Region keys", "Not built; the ciphertext format has room for them."},
	{"`GrantTokens`", "Checked after authorization, before parameters, usage and state: a token that does not open, is of another Region or of an account that owns none of the keys of the request, or whose grant is gone is InvalidGrantTokenException without a message; ignored by DescribeKey, which has no such exception. A token of a grant on another key of the account passes. Tokens open until the KEK they were sealed under is dropped."},
	{"Principals of grants", "Stored and listed in the deployment's partition; `arn:verenc:iam::…` and `arn:verenc:sts::…` are understood. A group, which is no principal, answers as a principal that does not exist. What is no ARN (an account id, too) answers as the unique id of a principal that is gone; service principals have members of their own."},
	{"Malformed GrantId", "InvalidGrantIdException without a message for what is not 64 lower-case hex digits."},
	{"RevokeGrant of a grant that is gone", "NotFoundException `Grant '<id>' does not exist`."},
	{"More than 50,000 grants on a key", "LimitExceededException in the words of the alias quota: `Grants per key quota for this account in this region is 50000, current usage is 50000.`"},
	{"Operations that a grant cannot have", "Those of the request that are not valid, in its order; valid ones in the order of access.md §6.3. Asymmetric keys are `an asymmetric KMS key`."},
	{"Members that exclude each other in CreateGrant, ListGrants, ListRetirableGrants", "ValidationException `You cannot specify <one> and <other> in the same request.`; neither of two that must be given answers as the older one missing."},
	{"GranteeServicePrincipal and RetiringServicePrincipal as filters", "ValidationException: no caller is a service principal."},
	{"Context constraints", "An empty `Constraints` is none. Kept as sent; keys that differ in case are different keys to the idempotent `Name`."},
}
