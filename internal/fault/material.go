package fault

// What is said of key material: its replicas, its import, its rotation.

// Multi-Region keys (§11).

func NotPrimary(arn string) *Error {
	return New(Unsupported, "%s is not a multi-region primary key.", arn) // [R]
}

// NotThePrimary is UpdatePrimaryRegion's own: another exception, and a capital R. [R]
func NotThePrimary(arn string) *Error {
	return New(InvalidState, "%s is not a multi-Region primary key.", arn)
}

func PrimaryRegion(region string) *Error {
	return New(Validation, "%s cannot have a replica because it contains the primary.", region) // [R]
}

func OtherPartition() *Error {
	return New(Validation, "The replica key Region must be in the same AWS partition as the primary key Region.") // [R]
}

func UnknownRegion(region string) *Error {
	return New(Validation, "Region %s is not a valid Region or multi-Region keys are not supported in Region %s.", region, region) // [R]
}

func ReplicaExists() *Error {
	return New(AlreadyExists, "You can create only one replica of each primary key in each AWS Region.") // [R]
}

func NoReplicaThere(id string) *Error {
	return New(Validation, "%s does not have a replica key in the specified Region.", id) // [R]
}

// Imported material (§10.5–10.7).

// WrongOrigin refuses what keys of this origin cannot do.
func WrongOrigin(arn, origin string) *Error {
	return New(Unsupported, "%s origin is %s which is not valid for this operation.", arn, origin) // [R]
}

func WrappingNotForSpec(algorithm, wrappingSpec, spec string) *Error {
	return New(Validation, "Wrapping algorithm %s and wrapping key spec %s cannot be used to import a %s key.", algorithm, wrappingSpec, spec) // [R]
}

func ValidToRequired() *Error {
	return New(Validation, "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES") // [R]
}

func ValidToNotAllowed() *Error {
	return New(Validation, "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE") // [R]
}

func ValidToPast() *Error { return New(Validation, "ValidTo must be in the future") } // [R]

func ValidToFar(days int) *Error {
	return New(Validation, "ValidTo must be less than %d days in the future", days) // [R]
}

// NotForImported refuses a parameter, in lowerCamel, that is for symmetric keys only.
func NotForImported(parameter, spec string) *Error {
	return New(Validation, "Input parameter %s cannot be used with %s imported keys.", parameter, spec) // [R]
}

func MaterialIDWithNew() *Error {
	return New(Validation, "Input parameter keyMaterialId cannot be used with NEW_KEY_MATERIAL importType.") // [R]
}

func NewMaterialOnReplica() *Error {
	return New(Validation, "Input parameter ImportType NEW_KEY_MATERIAL cannot be used on replica Multi-Region keys") // [R] no period
}

func MaterialDescriptionOnReplica() *Error {
	return New(Validation, "Key material description can only be specified on primary Multi-Region keys") // [R] no period
}

func BadImportToken() *Error { return Bare(InvalidImportToken) } // [R]

func ImportTokenExpired() *Error { return Bare(ExpiredImportToken) } // [U] no message

func OtherMaterial(expected string) *Error {
	return New(IncorrectMaterial, "Imported key material does not have the expected identifier (%s).", expected) // [R]
}

// NoMaterialYet is EXISTING_KEY_MATERIAL on a key that never had any.
func NoMaterialYet() *Error { return Bare(IncorrectMaterial) } // [U]

func MaterialKnown(id, arn string) *Error {
	return New(IncorrectMaterial, "Key material (id: %s) being imported as NEW_KEY_MATERIAL is already associated with KMS key %s.", id, arn) // [R]
}

func MaterialAwaited(id, arn, pending string) *Error {
	return New(InvalidState, "New key material (id: %s) cannot be imported into KMS key %s, because another key material (id: %s) is pending rotation.", id, arn, pending) // [R]
}

func MaterialUnknown(id, arn string) *Error {
	return New(Validation, "Key material (id: %s) has never been imported into KMS key %s.", id, arn) // [R]
}

// Rotation (§10.1–10.3).

// WrongKeyType refuses a key by its spec or its key store.
func WrongKeyType() *Error { return Bare(Unsupported) } // [R]

func ReplicaKey(arn, operation string) *Error {
	return New(Unsupported, "%s is a multi-region replica key which is not valid for %s.", arn, operation) // [R]
}

func RotationLimit(arn string) *Error {
	return New(LimitExceeded, "The on-demand rotations limit has been reached for the given keyId. "+
		"No more on-demand rotations can be performed for this key: %s", arn) // [R]
}

// RotationNear answers when the key is about to rotate by itself.
func RotationNear() *Error { return Bare(Conflict) } // [U] no message

func NothingToRotate(arn string) *Error {
	return New(InvalidState, "No available key material pending rotation for the key: %s.", arn) // [R]
}

func ReplicasLackMaterial() *Error {
	return New(InvalidState, "Cannot perform key material rotation: Key material has not been imported for replicas of the Multi-Region key.") // [R]
}

func MaterialOfSymmetricOnly() *Error {
	return New(Validation, "Input parameter includeKeyMaterial can only be used with symmetric keys.") // [R]
}
