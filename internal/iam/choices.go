package iam

// A Choice is behaviour that differs from AWS's, or where AWS's is not established: for docs/iam.md.
type Choice struct{ About, Chosen string }

// Choices that are not one operation's own.
var Choices = []Choice{
	{"Endpoint", "That of KMS. The version of the request says which API is meant, and the service of the signature's scope must be its own: `iam` or `sts`."},
	{"Region", "IAM is of none. A signature for any Region served is good, and for us-east-1, where clients sign for it; the audit record has the one signed for."},
	{"When a change is in force", "With the next request, on this node and on every other: nothing here is eventually consistent."},
	{"Who may", "Root users of an account everything in it; everybody else what their policies say. Temporary credentials of users and root users (GetSessionToken) are InvalidClientTokenId, as on AWS without a second factor. `iam:PassRole` is never asked for."},
	{"Condition keys", "`iam:PolicyARN`, `iam:PermissionsBoundary`, `iam:ResourceTag/…`, `aws:ResourceTag/…`, `aws:RequestTag/…`, `aws:TagKeys`, and those about the caller and the connection."},
	{"AWS managed policies", "AdministratorAccess, IAMFullAccess, IAMReadOnlyAccess and AWSKeyManagementServicePowerUser. They cannot be changed: AccessDenied."},
	{"Quotas", "AWS's defaults: 10 policies attached to a user, group or role; 10 groups of a user; 2 access keys; 50 tags; 5 versions; a trust policy of 2,048 characters, a managed policy of 6,144, inline policies of 2,048 (user), 5,120 (group) and 10,240 (role) together, white space not counted."},
	{"Errors in a policy", "MalformedPolicyDocument says what is wrong and in which statement."},
	{"Deleted principals", "A trust policy is bound to the unique ids of whom it names. Somebody new of the same name is not trusted, and GetRole shows the id of who is gone."},
	{"Requests", "At most 1 MiB and 1,000 parameters. A parameter given twice, and a list whose members are not numbered 1, 2, 3 …, are MalformedInput; unknown parameters are ignored. Markers are sealed, and longer than AWS's."},
	{"Instance profiles, MFA devices, SSH keys, signing certificates, service-specific credentials, login profiles, account aliases", "There are none: lists are empty, and GetLoginProfile and DeleteLoginProfile are NoSuchEntity."},
	{"Everything else", "InvalidAction, HTTP 400."},
	{"Audit records", "Of every request, with every parameter: none is secret. The answers of operations that make something are recorded without the secret access key."},
}
