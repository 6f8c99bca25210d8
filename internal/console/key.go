package console

import (
	"net/url"
	"strings"

	"qkms/internal/oversight"
)

// A keyRoom is what every page about one key begins with: which key it is, and the way between its pages.
type keyRoom struct {
	ID     string // as the address has it
	Tab    string // last part of the page's address; "" of the overview
	Facts  keyFacts
	Hidden *Refusal // of DescribeKey: the visitor may still see, or do, what is on other pages
	Failed *Refusal // of what was just tried from this page
}

// ask performs one operation of KMS for a section of a page. A refusal is the section's, and no error of the page;
// but that the session is over is.
func ask[T any](v *visit, operation string, in any) (p part[T], err error) {
	err = v.kms(operation, in, &p.Is)
	if r := refusalOf(err); r != nil && !r.over() {
		return part[T]{Unseen: r}, nil
	}
	return p, err
}

// askOversight is ask of the console's own API; parameters are names and values by turns, of which empty ones are left out.
func askOversight[T any](v *visit, action string, parameters ...string) (p part[T], err error) {
	var given []string
	for i := 0; i < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			given = append(given, parameters[i], parameters[i+1])
		}
	}
	err = v.query(oversight.Signing, action, &p.Is, given...)
	if r := refusalOf(err); r != nil && !r.over() {
		return part[T]{Unseen: r}, nil
	}
	return p, err
}

// about is the parameter that names the key of the page, with others.
func (r *keyRoom) about(more ...any) map[string]any {
	in := map[string]any{"KeyId": r.ID}
	for i := 0; i < len(more); i += 2 {
		in[more[i].(string)] = more[i+1]
	}
	return in
}

// path is the address of a page about the key.
func (r *keyRoom) path(tab string) string {
	return strings.TrimSuffix("/console/keys/"+url.PathEscape(r.ID)+"/"+tab, "/")
}

// enter finds the key that the address names. That there is none is an error; that it may not be described is not.
func (v *visit) enter(tab string) (keyRoom, error) {
	r := keyRoom{ID: v.hr.PathValue("id"), Tab: tab}
	described, err := ask[struct{ KeyMetadata keyFacts }](v, "DescribeKey", r.about())
	r.Facts, r.Hidden = described.Is.KeyMetadata, described.Unseen
	if r.Hidden != nil && r.Hidden.Code == "NotFoundException" {
		return r, r.Hidden
	}
	if f := r.Facts; err == nil && f.AWSAccountId == v.session.Account {
		r.ID = f.KeyId // the address may have an alias
	}
	return r, err
}

// stay shows a page of the key again when what was tried from it was refused, with the refusal above what was typed.
func (r *keyRoom) stay(err error) (status int, _ error) {
	refused := refusalOf(err)
	if refused == nil || refused.over() {
		return 0, err
	}
	r.Failed = refused
	return refused.status(), nil
}

// keyOverview is all there is to know about a key, and what is done to it as a whole.
type keyOverview struct {
	keyRoom
	Aliases     part[aliasList]
	LastUse     part[lastUse]
	Events      part[keyEvents]
	Public      *part[publicKey] // nil of a key that has none
	Description string           // as it is, or was typed
}

func (v *visit) keyPage() error {
	r, err := v.enter("")
	if err != nil {
		return err
	}
	return v.keyOverview(200, r, r.Facts.Description)
}

// keyOverview shows the overview, with a description that may have been refused.
func (v *visit) keyOverview(status int, r keyRoom, description string) (err error) {
	o := keyOverview{keyRoom: r, Description: description}
	if o.Aliases, err = ask[aliasList](v, "ListAliases", r.about("Limit", 100)); err != nil {
		return err
	}
	if o.LastUse, err = v.lastUse(&r); err != nil {
		return err
	}
	if o.Events, err = v.keyEvents(&r); err != nil {
		return err
	}
	if r.Facts.Asymmetric() {
		public, err := ask[publicKey](v, "GetPublicKey", r.about())
		if err != nil {
			return err
		}
		o.Public = &public
	}
	v.show(status, "key", "Key "+r.ID, o)
	return nil
}

// lastUse is what GetKeyLastUsage says.
type lastUse struct {
	KeyLastUsage struct {
		Operation         string
		Timestamp         Epoch
		CloudTrailEventId string
		KmsRequestId      string
	}
	TrackingStartDate Epoch

	By string // who it was, where that is known: not of the answer
}

func (v *visit) lastUse(r *keyRoom) (use part[lastUse], err error) {
	if use, err = ask[lastUse](v, "GetKeyLastUsage", r.about()); err == nil {
		use.Is.By, err = v.user(&use)
	}
	return use, err
}
