package webidentity

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"qkms/internal/fault"
)

// skew is how far ahead of ours a provider's clock may be. It counts for nbf and iat alone: exp is
// compared exactly, since an expired token must not be good for one more second.
const skew = 5 * time.Minute

// An Identity is what a verified token says. All of it has been signed by the provider.
type Identity struct {
	Provider string // its URL without scheme
	Issuer   string // with scheme
	Subject  string // 1 to 255 bytes without control characters

	// Audience is the registered client the token is for: azp when there is one, else the first of
	// Audiences that is registered.
	Audience  string
	Audiences []string // claim aud as it is, one of them at least registered

	Methods []string // claim amr, or nil: how the provider knows
	Nonce   string   // or empty; no text of 1 to 255 bytes is none
	Email   string   // only of a token that says it has been verified; or empty

	Issued, Expires time.Time // whole seconds

	// What the provider asks for the session (claims of the namespace https://aws.amazon.com/). Names and
	// values are texts of any form: whoever makes the session checks them like those of a request.
	SourceIdentity string // or empty
	Tags           map[string]string
	TransitiveTags []string
}

// Keys returns the values of the condition keys that trust policies ask about the token. A key that the
// token has nothing for is absent.
func (id *Identity) Keys() map[string][]string {
	keys := map[string][]string{
		id.Provider + ":sub":  {id.Subject},
		id.Provider + ":aud":  {id.Audience},
		id.Provider + ":oaud": slices.Clone(id.Audiences),
	}
	if len(id.Methods) > 0 {
		keys[id.Provider+":amr"] = slices.Clone(id.Methods)
	}
	if id.Email != "" {
		keys[id.Provider+":email"] = []string{id.Email}
	}
	return keys
}

// identity checks claims whose signature has been verified, for p at now.
func (c claims) identity(p Provider, now time.Time) (*Identity, error) {
	id := &Identity{Provider: p.URL}
	for _, check := range []func(*Identity) error{
		c.names,
		func(id *Identity) error { return c.audience(id, p.ClientIDs) },
		func(id *Identity) error { return c.validity(id, now) },
		c.about,
		c.session,
	} {
		if err := check(id); err != nil {
			return nil, err
		}
	}
	return id, nil
}

func (c claims) names(id *Identity) error {
	var err error
	if id.Issuer, err = c.text("iss"); err != nil {
		return err
	}
	id.Subject, err = c.text("sub")
	return err
}

// audience finds the client that the token is for.
//
// The authorized party stands for the audience when there is one, as in AWS. Here the audience must be a
// client of the account nevertheless: a token that somebody else's service is the audience of is in that
// service's hands, and must not open anything of ours from there.
func (c claims) audience(id *Identity, clients []string) error {
	var err error
	if id.Audiences, err = c.list("aud"); err != nil {
		return err
	}
	if len(id.Audiences) == 0 {
		return fault.MissingClaim("aud")
	}
	known := func(client string) bool { return slices.Contains(clients, client) }
	i := slices.IndexFunc(id.Audiences, known)
	if i < 0 {
		return fault.WrongAudience()
	}
	id.Audience = id.Audiences[i]
	if _, there := c["azp"]; !there {
		return nil
	}
	if id.Audience, err = c.text("azp"); err != nil {
		return err
	}
	if !known(id.Audience) {
		return fault.WrongAudience()
	}
	return nil
}

func (c claims) validity(id *Identity, now time.Time) error {
	var err error
	if id.Expires, err = c.date("exp"); err != nil {
		return err
	}
	if !now.Before(id.Expires) { // RFC 7519 §4.1.4: on or after
		return fault.TokenPast(now, id.Expires)
	}
	if id.Issued, err = c.date("iat"); err != nil {
		return err
	}
	if id.Issued.After(now.Add(skew)) {
		return fault.TokenNotYetValid("iat", now, id.Issued)
	}
	if _, there := c["nbf"]; !there {
		return nil
	}
	begins, err := c.date("nbf")
	if err == nil && begins.After(now.Add(skew)) {
		err = fault.TokenNotYetValid("nbf", now, begins)
	}
	return err
}

// about reads what trust policies may ask for besides.
func (c claims) about(id *Identity) error {
	var err error
	if _, there := c["amr"]; there {
		if id.Methods, err = c.list("amr"); err != nil {
			return err
		}
	}
	if _, there := c["nonce"]; there {
		id.Nonce, _ = c.text("nonce") // of no use to who has sent none, and so no reason to refuse the token
	}
	// Who may write any address into an account of a provider must not pass for its owner.
	var sure bool
	if _, there := c["email"]; there && exactly(c["email_verified"], &sure) == nil && sure {
		id.Email, err = c.text("email")
	}
	return err
}

// The claims that ask for a session's tags and source identity (IAM user guide, "Pass session tags" [D]).
const (
	claimTags   = "https://aws.amazon.com/tags"
	claimSource = "https://aws.amazon.com/source_identity"
)

func (c claims) session(id *Identity) error {
	var err error
	if _, there := c[claimSource]; there {
		if id.SourceIdentity, err = c.text(claimSource); err != nil {
			return err
		}
	}
	if raw, there := c[claimTags]; there {
		if err := id.readTags(raw); err != nil {
			return fault.BadClaim(claimTags).Because(err)
		}
	}
	return nil
}

func (id *Identity) readTags(raw json.RawMessage) error {
	asked, err := members(raw)
	if err != nil {
		return err
	}
	if keys, there := asked["transitive_tag_keys"]; there {
		if id.TransitiveTags, err = texts(keys); err != nil {
			return err
		}
	}
	principal, there := asked["principal_tags"]
	if !there {
		return nil
	}
	tags, err := members(principal)
	if err != nil {
		return err
	}
	id.Tags = make(map[string]string, len(tags))
	for name, value := range tags {
		one, err := texts(value)
		if err != nil || len(one) != 1 {
			return errors.Join(errors.New("a tag has one value"), err)
		}
		id.Tags[name] = one[0]
	}
	return nil
}
