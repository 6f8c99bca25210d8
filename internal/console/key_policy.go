package console

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"qkms/internal/oversight"
)

// keyPolicy is the editor of the key policy.
type keyPolicy struct {
	keyRoom
	Text     string // the policy as it is, or as it was typed
	Read     string // the fingerprint of the policy that was read when the editing began
	Withheld *Refusal
	Preview  *oversight.PolicyPreview // what the text would change; nil: nobody has asked
}

func (v *visit) keyPolicyPage() error {
	r, err := v.enter("policy")
	if err != nil {
		return err
	}
	now, err := v.policyNow(&r)
	if err != nil {
		return err
	}
	text := ""
	if now.Unseen == nil {
		text = indented(now.Is.Policy)
	}
	return v.keyPolicy(200, keyPolicy{keyRoom: r, Text: text, Read: fingerprint(now), Withheld: now.Unseen})
}

func (v *visit) keyPolicy(status int, p keyPolicy) error {
	v.show(status, "key-policy", "Policy of key "+p.ID, p)
	return nil
}

type policyText struct{ Policy string }

func (v *visit) policyNow(r *keyRoom) (part[policyText], error) {
	return ask[policyText](v, "GetKeyPolicy", r.about())
}

// fingerprint tells one policy from another; "" of one that may not be read.
func fingerprint(p part[policyText]) string {
	if p.Unseen != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(p.Is.Policy))
	return hex.EncodeToString(sum[:])
}

// editPolicy checks or saves what was typed. Whatever is refused, the text stays as it is.
func (v *visit) editPolicy() error {
	r, err := v.enter("policy")
	if err != nil {
		return err
	}
	f := v.hr.PostForm
	p := keyPolicy{keyRoom: r, Text: strings.ReplaceAll(f.Get("policy"), "\r\n", "\n"), Read: f.Get("read")}
	if f.Get("do") == "save" {
		err = v.savePolicy(&p)
	} else {
		err = v.query(oversight.Signing, "PreviewKeyPolicy", &p.Preview, "KeyId", p.ID, "Policy", p.Text)
	}
	status := 200
	if err != nil {
		if status, err = p.stay(err); status == 0 {
			return err
		}
	} else if p.Preview == nil {
		return v.done(p.path("policy"), "The key policy was saved.")
	}
	return v.keyPolicy(status, p)
}

// savePolicy saves, unless somebody else has since the editing began: their work would be lost unseen. Who saves in
// the very same moment is not noticed; the API has no way to say which policy is to be replaced.
func (v *visit) savePolicy(p *keyPolicy) error {
	now, err := v.policyNow(&p.keyRoom)
	if err != nil {
		return err
	}
	if is := fingerprint(now); p.Read != "" && is != "" && is != p.Read {
		p.Read = is
		return &Refusal{Status: 409, Code: "PolicyChanged", Message: "Nothing was saved: somebody has changed the policy since you opened it. Open this page once more beside this one to see theirs. If you save now, yours replaces it."}
	}
	return v.kms("PutKeyPolicy", p.about("Policy", p.Text), nil)
}
