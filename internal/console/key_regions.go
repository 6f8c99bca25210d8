package console

import (
	"net/http"
	"slices"
)

// keyRegions is a multi-Region key in all of its Regions.
type keyRegions struct {
	keyRoom
	Members []regionMember
	Served  []string // Regions of the server without the key; nil of one that serves every Region
	Every   bool     // it does
	Form    replicaForm
	Chosen  string // as the next primary Region
}

// A regionMember is a multi-Region key in one of its Regions.
type regionMember struct {
	regionKey
	Primary bool
	Here    bool
	Is      part[struct{ KeyMetadata keyFacts }]
	Served  bool // by this server; what lies elsewhere nobody can ask about, or go to
	Asked   bool
}

// A replicaForm is what was typed for a replica.
type replicaForm struct {
	Region      string
	Description string
	Tags        string // a line each: name=value
	Default     bool   // it gets the policy of a new key, and not a copy
}

// mostAsked bounds how many Regions one page asks about the key: each is a request, and a record.
const mostAsked = 20

// Replicas are the Regions that can become the primary one: of those that are not served nobody could take it back.
func (p keyRegions) Replicas() (regions []string) {
	for _, m := range p.Members {
		if !m.Primary && m.Served {
			regions = append(regions, m.Region)
		}
	}
	return regions
}

// Primary is the key where it is the primary one.
func (p keyRegions) Primary() regionMember {
	return p.Members[slices.IndexFunc(p.Members, func(m regionMember) bool { return m.Primary })]
}

func (v *visit) keyRegionsPage() error {
	r, err := v.enter("regions")
	if err != nil {
		return err
	}
	return v.keyRegions(http.StatusOK, keyRegions{keyRoom: r, Form: replicaForm{Description: r.Facts.Description}})
}

func (v *visit) keyRegions(status int, p keyRegions) error {
	c := p.Facts.MultiRegionConfiguration
	all := []regionMember{{regionKey: c.PrimaryKey, Primary: true}}
	for _, k := range c.ReplicaKeys {
		all = append(all, regionMember{regionKey: k})
	}
	if !p.Facts.MultiRegion {
		all = nil
	}
	for i := range all {
		all[i].Here = all[i].Region == v.session.Region
		all[i].Served = v.serves(all[i].Region)
		if all[i].Asked = all[i].Served && i < mostAsked; !all[i].Asked {
			continue
		}
		var err error
		if all[i].Is, err = ask[struct{ KeyMetadata keyFacts }](v.in(all[i].Region), "DescribeKey", p.about()); err != nil {
			return err
		}
	}
	p.Members, p.Every = all, v.Regions == nil
	for _, region := range v.Regions {
		if !slices.ContainsFunc(all, func(m regionMember) bool { return m.Region == region }) {
			p.Served = append(p.Served, region)
		}
	}
	v.show(status, "key-regions", "Regions of key "+p.ID, p)
	return nil
}

// in is a visit of the same person in another Region.
func (v *visit) in(region string) *visit {
	there, s := *v, *v.session
	s.Region = region
	there.session = &s
	return &there
}

func (v *visit) replicate() error {
	r, err := v.enter("regions")
	if err != nil {
		return err
	}
	form := replicaForm{Region: v.typed("region"), Description: v.typed("description"), Tags: v.typed("tags"), Default: v.typed("policy") == "default"}
	in, err := v.replica(&r, form)
	var status int
	if err != nil {
		status, err = r.stay(err)
	} else {
		said := "The key is in " + form.Region + ", too."
		if r.Facts.Imported() {
			said += " It has no material there: go there, and import the same."
		}
		status, err = v.act(&r, "ReplicateKey", in, "regions", said)
	}
	if status == 0 {
		return err
	}
	return v.keyRegions(status, keyRegions{keyRoom: r, Form: form})
}

// replica is the parameters of ReplicateKey. A policy of its own the replica has in any case: without one that is sent with it, that of
// a new key, which leaves it to the account what this key's policy may have kept from it.
func (v *visit) replica(r *keyRoom, form replicaForm) (in map[string]any, err error) {
	in = r.about("ReplicaRegion", form.Region, "Description", form.Description)
	tags, err := tagLines(form.Tags)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		in["Tags"] = tags
	}
	if !form.Default {
		var has struct{ Policy string }
		if err := v.kms("GetKeyPolicy", r.about(), &has); err != nil {
			return nil, err
		}
		in["Policy"] = has.Policy
	}
	return in, nil
}

func (v *visit) movePrimary() error {
	r, err := v.enter("regions")
	if err != nil {
		return err
	}
	to := v.typed("region")
	said := "The primary is in " + to + " now; here is a replica."
	if to == v.session.Region { // a replica may not do it, so that it is the primary which was asked to stay
		said = "The primary is here already, in " + to + ": nothing was changed."
	}
	var status int
	if err = v.unserved(to); err != nil {
		status, err = r.stay(err)
	} else {
		status, err = v.act(&r, "UpdatePrimaryRegion", r.about("PrimaryRegion", to), "regions", said)
	}
	if status == 0 {
		return err
	}
	return v.keyRegions(status, keyRegions{keyRoom: r, Form: replicaForm{Description: r.Facts.Description}, Chosen: to})
}
