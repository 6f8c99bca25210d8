package sts

// A Choice is behaviour that differs from AWS's, or where AWS's is not established: for docs/iam.md.
type Choice struct{ About, Chosen string }

// Choices that are not one operation's own.
var Choices = []Choice{
	{"Signatures", "As of KMS, for the service `sts`, 15 minutes to either side, and presigned for as long as X-Amz-Expires says, up to a week."},
	{"Permissions", "GetCallerIdentity and GetSessionToken need none, and none can be denied. Root users assume no role."},
	{"Credentials of GetSessionToken", "End with the access key they were had with. IAM answers InvalidClientTokenId to them, and STS nothing but AssumeRole and GetCallerIdentity, as to AWS's without MFA. There are no MFA devices: SerialNumber and TokenCode are InvalidParameterValue."},
	{"AssumeRole of what is inherited", "A chained session needs sts:TagSession and sts:SetSourceIdentity for the tags and the source identity it inherits as well, and policies see them in `aws:RequestTag/…`, `aws:TagKeys`, `sts:TransitiveTagKeys` and `sts:SourceIdentity`. Another source identity than the calling session's is AccessDenied."},
	{"`sts:DurationSeconds`", "What the request says, absent when it says nothing."},
	{"PackedPolicySize", "Session policy, ARNs, and keys and values of tags, in bytes as they were sent, as per cent of 4,096, rounded up."},
	{"PolicyArns of a session", "AWS's, or of the role's account; another, or one that is not there, is InvalidParameterValue. One that is deleted later leaves the session without permissions."},
	{"Web identities", "`Provider` in the answer, and `aws:FederatedProvider`, are the ARN of the provider. Its name in condition keys is as registered: no scheme, no final slash. Tags and source identity of a token are held to the constraints of a request; InvalidIdentityToken otherwise."},
	{"AssumeRoleWithCertificate", "No signature; the TLS client certificate's key must be registered (`qkms certificate`), and the role's trust policy must name `{\"Federated\":\"arn:aws:iam::<account>:certificate/<name>\"}` for sts:AssumeRoleWithCertificate. RoleSessionName is the certificate's name if left out; DurationSeconds, Policy and PolicyArns as in AssumeRole. No certificate is ValidationError; one that is not valid now, InvalidIdentityToken; an unknown key or a role that does not trust it, AccessDenied."},
}
