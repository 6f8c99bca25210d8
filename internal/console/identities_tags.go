package console

// A tagged is something with tags, and the form that changes them.
type tagged struct {
	At     string // the page that the form is sent to
	CSRF   string
	Tags   []tag
	Unseen bool // whether it has any is not for the visitor to see
}

// Tagged is what the form of the page is made of, with what brings it back in this session.
func (p identityPage) Tagged(csrf string) tagged {
	return tagged{At: p.Kind.At(p.Name), CSRF: csrf, Tags: p.Entity.Is.Tags, Unseen: p.Entity.Unseen != nil}
}

// Tagged is that of a policy of the account; those of the service have none.
func (p policyPage) Tagged(csrf string) tagged {
	return tagged{At: p.Policy.At(), CSRF: csrf, Tags: p.Policy.Tags}
}

// Tagged is that of a provider.
func (p providerPage) Tagged(csrf string) tagged {
	return tagged{At: p.Provider.At(), CSRF: csrf, Tags: p.Provider.Tags}
}

// tagging is the operation that a button of that form stands for, what is said when it was done, and what it takes beside the name;
// noun is what IAM calls what is tagged.
func (v *visit) tagging(noun string) (action, said string, in []string) {
	if v.hr.PostForm.Get("do") == "untag" {
		return "Untag" + noun, "The tag is gone.", []string{"TagKeys.member.1", v.typed("key")}
	}
	return "Tag" + noun, "The tag is there.", []string{"Tags.member.1.Key", v.typed("key"), "Tags.member.1.Value", v.typed("value")}
}
