package console

// routes is the table of pages, by what they are about; those of identities are many, and identityRoutes has them.
func (s *Console) routes() []route {
	return []route{
		{pattern: "GET /console/{$}", serve: (*visit).home},
		{pattern: "GET /console/sign-in", serve: (*visit).signInPage, open: true},
		{pattern: "POST /console/sign-in", serve: (*visit).signInNow, open: true},
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

		{pattern: "GET /console/explain", serve: (*visit).explainPage},

		{pattern: "GET /console/audit", serve: (*visit).auditPage},
		{pattern: "GET /console/audit/{seq}", serve: (*visit).eventPage},
		{pattern: "GET /console/audit/{seq}/proof", serve: (*visit).eventProof},
		{pattern: "GET /console/audit/log", serve: (*visit).auditLogPage},
		{pattern: "POST /console/audit/verify", serve: (*visit).verifyAudit},
	}
}

func (v *visit) home() error { return v.redirect("/console/keys") }

func (v *visit) nowhere() error {
	return &Refusal{Status: 404, Code: "NoSuchPage", Message: "There is no such page in the console."}
}
