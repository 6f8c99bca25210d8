package op

//go:generate go run qkms/internal/op/compatdoc ../../docs/compat.md

// Table is the API: every operation of the model, in its order. To add one: write its file, replace
// its notYet row.
var Table = []Row{
	cancelKeyDeletion,
	notYet("ConnectCustomKeyStore"),
	createAlias,
	notYet("CreateCustomKeyStore"),
	notYet("CreateGrant"),
	createKey,
	notYet("Decapsulate"),
	decrypt,
	deleteAlias,
	notYet("DeleteCustomKeyStore"),
	notYet("DeleteImportedKeyMaterial"),
	notYet("DeriveSharedSecret"),
	notYet("DescribeCustomKeyStores"),
	describeKey,
	disableKey,
	notYet("DisableKeyRotation"),
	notYet("DisconnectCustomKeyStore"),
	enableKey,
	notYet("EnableKeyRotation"),
	notYet("Encapsulate"),
	encrypt,
	generateDataKey,
	notYet("GenerateDataKeyPair"),
	notYet("GenerateDataKeyPairWithoutPlaintext"),
	generateDataKeyWithoutPlaintext,
	notYet("GenerateMac"),
	generateRandom,
	notYet("GetKeyLastUsage"),
	getKeyPolicy,
	notYet("GetKeyRotationStatus"),
	notYet("GetParametersForImport"),
	notYet("GetPublicKey"),
	notYet("ImportKeyMaterial"),
	listAliases,
	notYet("ListGrants"),
	listKeyPolicies,
	notYet("ListKeyRotations"),
	listKeys,
	listResourceTags,
	notYet("ListRetirableGrants"),
	putKeyPolicy,
	reEncrypt,
	notYet("ReplicateKey"),
	notYet("RetireGrant"),
	notYet("RevokeGrant"),
	notYet("RotateKeyOnDemand"),
	scheduleKeyDeletion,
	notYet("Sign"),
	tagResource,
	untagResource,
	updateAlias,
	notYet("UpdateCustomKeyStore"),
	updateKeyDescription,
	notYet("UpdatePrimaryRegion"),
	notYet("Verify"),
	notYet("VerifyMac"),
}

// ByName finds a row.
var ByName = func() map[string]Row {
	rows := make(map[string]Row, len(Table))
	for _, r := range Table {
		rows[r.Operation()] = r
	}
	return rows
}()
