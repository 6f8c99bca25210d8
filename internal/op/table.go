package op

//go:generate go run qkms/internal/op/compatdoc ../../docs/compat.md

// Table is the API: every operation of the model, in its order. To add one: write its file, add its row.
var Table = []Row{
	cancelKeyDeletion,
	connectCustomKeyStore,
	createAlias,
	createCustomKeyStore,
	createGrant,
	createKey,
	decapsulate,
	decrypt,
	deleteAlias,
	deleteCustomKeyStore,
	deleteImportedKeyMaterial,
	deriveSharedSecret,
	describeCustomKeyStores,
	describeKey,
	disableKey,
	disableKeyRotation,
	disconnectCustomKeyStore,
	enableKey,
	enableKeyRotation,
	encapsulate,
	encrypt,
	generateDataKey,
	generateDataKeyPair,
	generateDataKeyPairWithoutPlaintext,
	generateDataKeyWithoutPlaintext,
	generateMac,
	generateRandom,
	getKeyLastUsage,
	getKeyPolicy,
	getKeyRotationStatus,
	getParametersForImport,
	getPublicKey,
	importKeyMaterial,
	listAliases,
	listGrants,
	listKeyPolicies,
	listKeyRotations,
	listKeys,
	listResourceTags,
	listRetirableGrants,
	putKeyPolicy,
	reEncrypt,
	replicateKey,
	retireGrant,
	revokeGrant,
	rotateKeyOnDemand,
	scheduleKeyDeletion,
	sign,
	tagResource,
	untagResource,
	updateAlias,
	updateCustomKeyStore,
	updateKeyDescription,
	updatePrimaryRegion,
	verify,
	verifyMac,
}

// ByName finds a row.
var ByName = func() map[string]Row {
	rows := make(map[string]Row, len(Table))
	for _, r := range Table {
		rows[r.Operation()] = r
	}
	return rows
}()
