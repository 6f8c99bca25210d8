package op

//go:generate go run qkms/internal/op/compatdoc ../../docs/compat.md

// Table is the API: every operation of the model, in its order. To add one: write its file, replace
// its notYet row.
var Table = []Row{
	cancelKeyDeletion,
	connectCustomKeyStore,
	createAlias,
	createCustomKeyStore,
	createGrant,
	createKey,
	notYet("Decapsulate"),
	decrypt,
	deleteAlias,
	deleteCustomKeyStore,
	notYet("DeleteImportedKeyMaterial"),
	notYet("DeriveSharedSecret"),
	describeCustomKeyStores,
	describeKey,
	disableKey,
	notYet("DisableKeyRotation"),
	disconnectCustomKeyStore,
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
	listGrants,
	listKeyPolicies,
	notYet("ListKeyRotations"),
	listKeys,
	listResourceTags,
	listRetirableGrants,
	putKeyPolicy,
	reEncrypt,
	replicateKey,
	retireGrant,
	revokeGrant,
	notYet("RotateKeyOnDemand"),
	scheduleKeyDeletion,
	notYet("Sign"),
	tagResource,
	untagResource,
	updateAlias,
	updateCustomKeyStore,
	updateKeyDescription,
	updatePrimaryRegion,
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
