package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A provider is an OpenID Connect provider that the account has registered.
type provider struct {
	Arn        string
	Url        string
	ClientIDs  []string `xml:"ClientIDList>member"`
	Thumbs     []string `xml:"ThumbprintList>member"`
	CreateDate time.Time
	Tags       []tag `xml:"Tags>member"`
}

func (p provider) At() string { return providerAt(p.Arn) }

func providerAt(arn string) string { return "/console/identities/provider?arn=" + url.QueryEscape(arn) }

// Name is the address without its scheme, as policies have it.
func (p provider) Name() string { return p.Arn[strings.Index(p.Arn, "/")+1:] }

type providersPage struct {
	Rows    []provider
	Unseen  *Refusal
	Refusal *Refusal
	Url     string
	Clients string
}

func (v *visit) providersPage() error { return v.providers(&providersPage{}) }

func (v *visit) providers(p *providersPage) error {
	var listed struct {
		All []provider `xml:"OpenIDConnectProviderList>member"`
	}
	err := v.iam("ListOpenIDConnectProviders", &listed)
	if p.Unseen = refusalOf(err); err != nil && p.Unseen == nil {
		return err
	}
	p.Rows = listed.All
	status := http.StatusOK
	switch {
	case p.Refusal != nil:
		status = p.Refusal.status()
	case p.Unseen != nil:
		status = p.Unseen.status()
	}
	v.show(status, "oidc-providers", "Identity providers", p)
	return nil
}

func (v *visit) createProvider() error {
	p := &providersPage{Url: v.typed("url"), Clients: v.typed("clients")}
	in := []string{"Url", p.Url}
	for i, id := range strings.Fields(p.Clients) {
		in = append(in, member("ClientIDList", i), id)
	}
	err := v.iam("CreateOpenIDConnectProvider", nil, in...)
	if p.Refusal = refusalOf(err); p.Refusal != nil {
		return v.providers(p)
	}
	if err != nil {
		return err
	}
	return v.done("/console/identities/providers", "The provider is registered. A role that its tokens are to be exchanged for must trust it.")
}

type providerPage struct {
	Provider provider
	Refusal  *Refusal
}

func (v *visit) providerPage() error { return v.provider(nil) }

func (v *visit) provider(refusal *Refusal) error {
	p := providerPage{Refusal: refusal}
	arn := v.hr.URL.Query().Get("arn")
	if err := v.iam("GetOpenIDConnectProvider", &p.Provider, "OpenIDConnectProviderArn", arn); err != nil {
		return err
	}
	p.Provider.Arn = arn
	status := http.StatusOK
	if refusal != nil {
		status = refusal.status()
	}
	v.show(status, "oidc-provider", p.Provider.Name(), p)
	return nil
}

func (v *visit) changeProvider() error {
	arn := v.hr.URL.Query().Get("arn")
	action, said, in := "AddClientIDToOpenIDConnectProvider", "Tokens for this client are accepted.", []string{"ClientID", v.typed("client")}
	switch v.hr.PostForm.Get("do") {
	case "remove":
		action, said = "RemoveClientIDFromOpenIDConnectProvider", "Tokens for this client are refused. Sessions that are under way last on."
	case "tag", "untag":
		action, said, in = v.tagging("OpenIDConnectProvider")
	}
	err := v.iam(action, nil, append(in, "OpenIDConnectProviderArn", arn)...)
	if refusal := refusalOf(err); refusal != nil {
		return v.provider(refusal)
	}
	if err != nil {
		return err
	}
	return v.done(providerAt(arn), said)
}

func (v *visit) doomedProvider() (*confirmation, []step) {
	arn := v.hr.URL.Query().Get("arn")
	return &confirmation{
		What: "provider " + provider{Arn: arn}.Name(), Word: "delete", Action: v.hr.URL.RequestURI(), Back: "/console/identities/providers",
		Lost: []string{"Its tokens are refused from then on. Sessions that are under way last on.", "Roles that trust it go on naming it; nobody can assume them by it."},
	}, []step{{"DeleteOpenIDConnectProvider", []string{"OpenIDConnectProviderArn", arn}}}
}

func (v *visit) deleteProviderPage() error {
	c, _ := v.doomedProvider()
	return v.ask(c)
}

func (v *visit) deleteProvider() error {
	c, steps := v.doomedProvider()
	if !v.confirmed(c) {
		return v.ask(c)
	}
	return v.perform(c, steps)
}
