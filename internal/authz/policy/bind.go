package policy

import (
	"slices"
	"strings"
)

// Principals returns the users, roles, sessions and federated users that the document names, each once, by
// ARN in the spelling of the partition, for the caller to look up whether they exist. Unique ids ("AIDA…") are
// among them as they stand: nobody living goes by one, so a new policy should be refused for it.
func (d *Document) Principals() []string {
	var all []string
	for _, v := range d.named() {
		if name := spell(v.scalar, d.partition); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// Others returns who else is named: accounts, and services by their names. everyone is whether "*" is.
func (d *Document) Others() (accounts, services []string, everyone bool) {
	for _, s := range d.statements {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			p, named := s.get(element)
			if !named {
				continue
			}
			for _, w := range (naming{partition: d.partition}).whoms(p) {
				switch {
				case w.reach == AsEveryone || element == "NotPrincipal":
					everyone = true
				case w.reach == AsAccount && !slices.Contains(accounts, w.name):
					accounts = append(accounts, w.name)
				case w.kind == Service && !slices.Contains(services, w.name):
					services = append(services, w.name)
				}
			}
		}
	}
	return accounts, services, everyone
}

// Conditional are the statements that have a condition, as they are printed.
func (d *Document) Conditional() map[string]bool {
	all := map[string]bool{}
	for _, s := range d.statements {
		if _, has := s.get("Condition"); has {
			var b strings.Builder
			s.format(&b, 0)
			all[b.String()] = true
		}
	}
	return all
}

// Bind returns the policy of the document with its users, roles and sessions bound to the unique ids they had
// when it was saved (access.md §2.2): ids has them by ARN, as Principals returns these, a session's being that
// of its role. Who is not in ids is nobody: whoever was deleted and made anew neither gets back what an Allow
// gives, nor is exempt by a Deny's NotPrincipal. What an Allow's NotPrincipal keeps from one, it keeps from
// the next of the same name too.
func (d *Document) Bind(ids map[string]string) *Policy {
	return d.compile(naming{partition: d.partition, bound: true, ids: ids})
}

// Replace returns the document with principals replaced, by ARN as Principals returns them: GetKeyPolicy shows
// the unique id of one that was deleted. The document itself stays as it is.
func (d *Document) Replace(names map[string]string) *Document {
	c := &Document{root: d.root.clone(), grammar: d.grammar, partition: d.partition}
	c.statements = c.root.items("Statement")
	for _, v := range c.named() {
		if to, ok := names[spell(v.scalar, d.partition)]; ok {
			v.scalar = to
		}
	}
	return c
}

// named are the entries of all statements that mean somebody who may be deleted.
func (d *Document) named() (all []*value) {
	for _, s := range d.statements {
		for _, element := range []string{"Principal", "NotPrincipal"} {
			p, _ := s.get(element)
			for _, v := range p.items("AWS") {
				if w := (naming{partition: d.partition}).aws(v.scalar); w.reach&(AsEveryone|AsAccount) == 0 {
					all = append(all, v)
				}
			}
		}
	}
	return all
}
