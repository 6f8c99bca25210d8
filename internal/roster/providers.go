package roster

import (
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"qkms/internal/iam"
	"qkms/internal/record/recordpb"
)

// address is a provider's URL as its record and its ARN have it.
func (d Provider) address() string {
	return strings.TrimSuffix(strings.TrimPrefix(d.URL.Text, "https://"), "/")
}

func (p *planner) providers(w *world) {
	for _, d := range w.Account.Providers {
		s := p.providerOf(w, d.address(), d.URL.Line)
		p.tagged(s, d.Tags)
		p.quota(s, len(d.ClientIDs), iam.MaxClientIDs, "client ids")
		p.quota(s, len(d.Thumbprints), iam.MaxThumbprints, "thumbprints")
		for _, t := range d.Thumbprints {
			if b, err := hex.DecodeString(t); err != nil || len(b) != sha1.Size {
				p.refuse(s.line, s.String(), "thumbprint %q is not the SHA-1 of a certificate in 40 hexadecimal digits", t)
			}
		}
		if m := w.state.providers[d.address()]; m != nil {
			p.changeProvider(s, m, d)
			continue
		}
		create := request("CreateOpenIDConnectProvider", "Url", d.URL.Text).
			list("ClientIDList", texts(d.ClientIDs)).list("ThumbprintList", d.Thumbprints)
		p.add(making, "+", s, "", tags(create, d.Tags))
	}
}

func (p *planner) providerOf(w *world, address string, line int) *subject {
	arn := p.arn(w, "oidc-provider", "/", address)
	return &subject{w.Account.Account, "identity provider", address, "OpenIDConnectProvider", "OpenIDConnectProviderArn", arn, line}
}

func (p *planner) changeProvider(s *subject, m *recordpb.Provider, d Provider) {
	ids := texts(d.ClientIDs)
	for _, id := range m.ClientIds {
		if !slices.Contains(ids, id) {
			p.add(taking, "~", s, "remove client id "+id, s.op("RemoveClientIDFromOpenIDConnectProvider", "ClientID", id))
		}
	}
	for _, id := range ids {
		if !slices.Contains(m.ClientIds, id) {
			p.add(giving, "~", s, "client id "+id, s.op("AddClientIDToOpenIDConnectProvider", "ClientID", id))
		}
	}
	if !slices.EqualFunc(m.Thumbprints, d.Thumbprints, strings.EqualFold) {
		p.add(changing, "~", s, "thumbprints", s.op("UpdateOpenIDConnectProviderThumbprint").list("ThumbprintList", d.Thumbprints))
	}
	p.retag(s, m.Tags, d.Tags)
}

func texts(words []Word) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.Text
	}
	return all
}
