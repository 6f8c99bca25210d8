package console

import (
	"slices"
	"strings"
)

// A grantList is what ListGrants says.
type grantList struct {
	Grants     []grant
	NextMarker string
}

type grant struct {
	GrantId                  string
	Name                     string
	CreationDate             Epoch
	GranteePrincipal         string
	GranteeServicePrincipal  string
	RetiringPrincipal        string
	RetiringServicePrincipal string
	IssuingAccount           string
	Operations               []string
	Constraints              grantConstraints
}

type grantConstraints struct {
	EncryptionContextSubset map[string]string `json:",omitempty"`
	EncryptionContextEquals map[string]string `json:",omitempty"`
	SourceArn               string            `json:",omitempty"`
}

// grantsPerPage is how many grants are on one page.
const grantsPerPage = 25

// keyGrants is who may use the key beside what policies say.
type keyGrants struct {
	keyRoom
	List part[grantList]
	Form grantForm
}

// Choices are the operations that a grant on this key can have.
func (g keyGrants) Choices() (all []grantChoice) {
	f := g.Facts
	for _, o := range grantOperations {
		fits := (o.usage == "" || o.usage == f.KeyUsage) && (!o.asymmetric || f.Asymmetric()) && (!o.symmetric || f.Symmetric())
		if fits || g.Hidden != nil { // what is not known of the key the service will say
			all = append(all, grantChoice{o.name, slices.Contains(g.Form.Operations, o.name)})
		}
	}
	return all
}

// A grantChoice is an operation to be ticked.
type grantChoice struct {
	Name   string
	Ticked bool
}

// grantOperations are all that a grant can have, with the keys on which they make sense.
var grantOperations = []struct {
	name, usage           string
	asymmetric, symmetric bool
}{
	{name: "Encrypt", usage: "ENCRYPT_DECRYPT"},
	{name: "Decrypt", usage: "ENCRYPT_DECRYPT"},
	{name: "GenerateDataKey", usage: "ENCRYPT_DECRYPT", symmetric: true},
	{name: "GenerateDataKeyWithoutPlaintext", usage: "ENCRYPT_DECRYPT", symmetric: true},
	{name: "GenerateDataKeyPair", usage: "ENCRYPT_DECRYPT", symmetric: true},
	{name: "GenerateDataKeyPairWithoutPlaintext", usage: "ENCRYPT_DECRYPT", symmetric: true},
	{name: "ReEncryptFrom", usage: "ENCRYPT_DECRYPT"},
	{name: "ReEncryptTo", usage: "ENCRYPT_DECRYPT"},
	{name: "Sign", usage: "SIGN_VERIFY"},
	{name: "Verify", usage: "SIGN_VERIFY"},
	{name: "GenerateMac", usage: "GENERATE_VERIFY_MAC"},
	{name: "VerifyMac", usage: "GENERATE_VERIFY_MAC"},
	{name: "DeriveSharedSecret", usage: "KEY_AGREEMENT"},
	{name: "Encapsulate", usage: "ENCAPSULATE_DECAPSULATE"},
	{name: "Decapsulate", usage: "ENCAPSULATE_DECAPSULATE"},
	{name: "GetPublicKey", asymmetric: true},
	{name: "DescribeKey"},
	{name: "CreateGrant"},
	{name: "RetireGrant"},
}

func (v *visit) keyGrantsPage() error {
	r, err := v.enter("grants")
	if err != nil {
		return err
	}
	return v.keyGrants(200, keyGrants{keyRoom: r})
}

func (v *visit) keyGrants(status int, g keyGrants) (err error) {
	in := g.about("Limit", grantsPerPage)
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		in["Marker"] = m
	}
	if g.List, err = ask[grantList](v, "ListGrants", in); err != nil {
		return err
	}
	v.show(status, "key-grants", "Grants on key "+g.ID, g)
	return nil
}

func (v *visit) createGrant() error {
	r, err := v.enter("grants")
	if err != nil {
		return err
	}
	g := keyGrants{keyRoom: r, Form: readGrantForm(v.hr.PostForm)}
	var made struct{ GrantId string }
	in, err := g.Form.request(r.about())
	if err == nil {
		err = v.kms("CreateGrant", in, &made)
	}
	if err == nil {
		return v.done(g.path("grants"), "The grant was made: "+made.GrantId)
	}
	status, err := g.stay(err)
	if status == 0 {
		return err
	}
	return v.keyGrants(status, g)
}

func (v *visit) revokeGrant() error {
	r, err := v.enter("grants")
	if err != nil {
		return err
	}
	id := strings.TrimSpace(v.hr.PostForm.Get("grant"))
	status, err := v.act(&r, "RevokeGrant", r.about("GrantId", id), "grants", "The grant was revoked: "+id)
	if status == 0 {
		return err
	}
	return v.keyGrants(status, keyGrants{keyRoom: r})
}
