package fault

// The sentences of IAM [R] unless marked.

// NoSuch is an entity that is not there: kind is user, group, role, user policy, …
func NoSuch(kind, name string) *Error {
	return New(NoSuchEntity, "The %s with name %s cannot be found.", kind, name)
}

// NameTaken answers who would give a name that another has, if only in other letters: kind is User, Group, Role.
func NameTaken(kind, name string) *Error {
	return New(EntityExists, "%s with name %s already exists.", kind, name)
}

func NoSuchAccessKey(id string) *Error {
	return New(NoSuchEntity, "The Access Key with id %s cannot be found.", id)
}

func NoSuchLoginProfile(user string) *Error {
	return New(NoSuchEntity, "Login Profile for User %s cannot be found.", user)
}

func NoSuchManagedPolicy(arn string) *Error {
	return New(NoSuchEntity, "Policy %s was not found.", arn)
}

// NotAttachable is a policy to be attached that is not there.
func NotAttachable(arn string) *Error {
	return New(NoSuchEntity, "Policy %s does not exist or is not attachable.", arn)
}

// NoBoundaryPolicy is a policy to be a boundary that is not there.
func NoBoundaryPolicy(arn string) *Error {
	return New(NoSuchEntity, "Scope ARN: %s does not exist or is not attachable.", arn)
}

func NoSuchVersion(arn, version string) *Error {
	return New(NoSuchEntity, "Policy %s version %s does not exist or is not attachable.", arn, version)
}

func ManagedPolicyTaken(name string) *Error {
	return New(EntityExists, "A policy called %s already exists. Duplicate names are not allowed.", name)
}

// AWSManaged answers who would change a policy that comes with the service. [U]
func AWSManaged(arn string) *Error {
	return New(AccessDenied, "Policy %s is managed by AWS and cannot be changed.", arn)
}

func NoSuchProvider(arn string) *Error {
	return New(NoSuchEntity, "OpenIDConnect Provider not found for arn %s", arn)
}

func ProviderTaken(url string) *Error {
	return New(EntityExists, "Provider with url https://%s already exists.", url)
}

// InvalidARN is an ARN that is none, or of something else than is asked for.
func InvalidARN(arn string) *Error { return New(InvalidInput, "ARN %s is not valid.", arn) }

// NotInGroup is a user to be removed from a group it is not in. [U]
func NotInGroup(user, group string) *Error {
	return New(NoSuchEntity, "The user with name %s is not a member of the group with name %s.", user, group)
}

func UserNameNeeded() *Error {
	return New(Validation, "Must specify userName when calling with non-User credentials")
}

// Why an entity cannot be deleted.

func MustDeleteAccessKeys() *Error {
	return New(DeleteConflict, "Cannot delete entity, must delete access keys first.")
}

func MustDetachPolicies() *Error {
	return New(DeleteConflict, "Cannot delete entity, must detach all policies first.")
}

func MustDeletePolicies() *Error {
	return New(DeleteConflict, "Cannot delete entity, must delete policies first.")
}

func MustLeaveGroups() *Error {
	return New(DeleteConflict, "Cannot delete entity, must remove users from group first.")
}

func MustRemoveCertificates() *Error {
	return New(DeleteConflict, "Cannot delete entity, must remove certificates first.") // [U]
}

func PolicyInUse() *Error {
	return New(DeleteConflict, "Cannot delete a policy attached to entities.")
}

func PolicyHasVersions() *Error {
	return New(DeleteConflict, "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "+
		"The default version is deleted with the policy.")
}

func DefaultVersion() *Error {
	return New(DeleteConflict, "Cannot delete the default version of a policy.")
}

// Limits (access §3.5).

// IAMQuota is a limit with a name: PoliciesPerUser, GroupsPerUser, AccessKeysPerUser, …
func IAMQuota(name string, most int) *Error {
	return New(LimitExceeded, "Cannot exceed quota for %s: %d", name, most)
}

// InlineTooLong is a policy with which those of a user, group or role would have more characters than may be.
func InlineTooLong(most int, kind, name string) *Error {
	return New(LimitExceeded, "Maximum policy size of %d bytes exceeded for %s %s", most, kind, name)
}

func TooManyVersions() *Error {
	return New(LimitExceeded, "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.")
}

// GroupTooLarge is a group whose users and policies are too many to be told of its new name in one change. [U]
func GroupTooLarge(name string) *Error {
	return New(LimitExceeded, "The group with name %s has too many users and policies to be renamed: make another one.", name)
}

// Tags.

func DuplicateTagKeys() *Error {
	return New(InvalidInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
}

func ReservedTagKey() *Error {
	return New(InvalidInput, "Tag keys starting with 'aws:' are reserved for system use.") // [U]
}

// NotAProviderURL is the address of an identity provider that none can have. [U]
func NotAProviderURL(url string) *Error {
	return New(InvalidInput, "Invalid Open ID Connect Provider URL: %s; it begins with https:// and has no query, fragment or user.", url)
}

func NotAThumbprint() *Error {
	return New(InvalidInput, "A thumbprint is 40 hexadecimal digits.") // [U]
}
