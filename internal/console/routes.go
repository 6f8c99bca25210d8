package console

// routes is the table of pages, by what they are about; those of identities are many, and identityRoutes has them.
func (s *Console) routes() []route {
	return []route{
		{pattern: "GET /console/{$}", serve: (*visit).home},
		{pattern: "GET /console/sign-in", serve: (*visit).signInPage, open: true},
		{pattern: "POST /console/sign-in", serve: (*visit).signInNow, open: true},
		{pattern: "GET /console/sign-in/oidc", serve: (*visit).oidcStart, open: true},
		{pattern: "GET /console/sign-in/oidc/callback", serve: (*visit).oidcCallback, open: true},
		{pattern: "POST /console/sign-out", serve: (*visit).signOutNow},
		{pattern: "POST /console/region", serve: (*visit).changeRegion},
		{pattern: "GET /console/", serve: (*visit).nowhere},

		{pattern: "GET /console/try", serve: (*visit).tryIndex},
		{pattern: "GET /console/try/{operation}", serve: (*visit).tryForm},
		{pattern: "POST /console/try/{operation}", serve: (*visit).tryNow},

		{pattern: "GET /docs", serve: (*visit).docsFront, open: true},
		{pattern: "GET /docs/{$}", serve: (*visit).docsPage, open: true},
		{pattern: "GET /docs/choices", serve: (*visit).docsChoices, open: true},
		{pattern: "GET /docs/{operation}", serve: (*visit).docsOperation, open: true},
		{pattern: "GET /docs/", serve: (*visit).docsNowhere, open: true},

		{pattern: "GET /console/keys", serve: (*visit).keysPage},
		{pattern: "GET /console/keys/{id}", serve: (*visit).keyPage},
		{pattern: "GET /console/keys/{id}/public-key.pem", serve: (*visit).publicKeyFile},
		{pattern: "POST /console/keys/{id}/description", serve: (*visit).describeKeyAs},
		{pattern: "POST /console/keys/{id}/enable", serve: (*visit).enableKey},
		{pattern: "POST /console/keys/{id}/disable", serve: (*visit).disableKey},
		{pattern: "GET /console/keys/{id}/policy", serve: (*visit).keyPolicyPage},
		{pattern: "POST /console/keys/{id}/policy", serve: (*visit).editPolicy},
		{pattern: "GET /console/keys/{id}/grants", serve: (*visit).keyGrantsPage},
		{pattern: "POST /console/keys/{id}/grants", serve: (*visit).createGrant},
		{pattern: "POST /console/keys/{id}/grants/revoke", serve: (*visit).revokeGrant},
		{pattern: "GET /console/keys/{id}/names", serve: (*visit).keyNamesPage},
		{pattern: "POST /console/keys/{id}/aliases/add", serve: (*visit).addAlias},
		{pattern: "POST /console/keys/{id}/aliases/move", serve: (*visit).moveAlias},
		{pattern: "POST /console/keys/{id}/aliases/delete", serve: (*visit).deleteAlias},
		{pattern: "POST /console/keys/{id}/tags/set", serve: (*visit).setTag},
		{pattern: "POST /console/keys/{id}/tags/remove", serve: (*visit).removeTag},
		{pattern: "GET /console/keys/{id}/rotation", serve: (*visit).keyRotationPage},
		{pattern: "POST /console/keys/{id}/rotation/on", serve: (*visit).rotateByCalendar},
		{pattern: "POST /console/keys/{id}/rotation/off", serve: (*visit).rotateNoMore},
		{pattern: "POST /console/keys/{id}/rotation/now", serve: (*visit).rotateNow},
		{pattern: "GET /console/keys/{id}/deletion", serve: (*visit).keyDeletionPage},
		{pattern: "POST /console/keys/{id}/deletion", serve: (*visit).scheduleDeletion},
		{pattern: "POST /console/keys/{id}/deletion/material", serve: (*visit).deleteMaterial},
		{pattern: "POST /console/keys/{id}/deletion/cancel", serve: (*visit).cancelDeletion},
		{pattern: "GET /console/keys/{id}/import", serve: (*visit).keyImportPage},
		{pattern: "POST /console/keys/{id}/import", serve: (*visit).importMaterial, files: true},
		{pattern: "POST /console/keys/{id}/import/parameters", serve: (*visit).getImportParameters},
		{pattern: "GET /console/keys/{id}/regions", serve: (*visit).keyRegionsPage},
		{pattern: "POST /console/keys/{id}/regions/replicate", serve: (*visit).replicate},
		{pattern: "POST /console/keys/{id}/regions/primary", serve: (*visit).movePrimary},
		{pattern: "GET /console/create-key", serve: (*visit).createKeyPage},
		{pattern: "POST /console/create-key", serve: (*visit).createKeyNow},
		{pattern: "POST /console/create-key/preview", serve: (*visit).previewKey},

		{pattern: "GET /console/explain", serve: (*visit).explainPage},

		{pattern: "GET /console/audit", serve: (*visit).auditPage},
		{pattern: "GET /console/audit/{seq}", serve: (*visit).eventPage},
		{pattern: "GET /console/audit/{seq}/proof", serve: (*visit).eventProof},
		{pattern: "GET /console/audit/log", serve: (*visit).auditLogPage},
		{pattern: "POST /console/audit/verify", serve: (*visit).verifyAudit},

		{pattern: "GET /console/cluster", serve: (*visit).clusterPage},
		{pattern: "GET /console/charts", serve: (*visit).chartsPage},
	}
}

func (v *visit) home() error { return v.redirect("/console/keys") }

func (v *visit) nowhere() error {
	return &Refusal{Status: 404, Code: "NoSuchPage", Message: "There is no such page in the console."}
}
