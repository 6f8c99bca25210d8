package policy

import "strings"

// A Principal is who asks (access.md §2.1).
type Principal struct {
	Kind    PrincipalKind
	Account string // 12 digits; empty of a service
	ARN     string // of a session its own; of a service its name; of a web identity its provider's
	Role    string // of a session: the ARN of its role, with the path
	ID      string // unique id: of a user ("AIDA…"), or of a session's role ("AROA…")
}

// A PrincipalKind is what a principal is. The zero kind is nothing that may do anything.
type PrincipalKind int

const (
	Root PrincipalKind = 1 + iota // the root user of an account
	User
	Session     // of a role
	Federated   // a federated user
	Service     // a service principal
	WebIdentity // who comes with the token of an identity provider, about to be a session
)

// A Reach is the ways, none or several, in which a policy means a principal: access.md §4.3 treats them
// differently.
type Reach uint8

const (
	AsEveryone Reach = 1 << iota // "*"
	AsAccount                    // its account: whether it may, the account's own policies say
	AsRole                       // its role
	AsItself                     // itself
)

// A whom is one entry of a Principal.
type whom struct {
	reach Reach         // 0: nobody who is alive
	kind  PrincipalKind // of whom it means; 0 of an account and of everyone
	name  string        // an account id or an ARN; of a service its name
	bound bound
	id    string // that name had when the policy was saved; empty if there was none
}

// A bound says by what an entry knows whom it means.
type bound uint8

const (
	byName   bound = iota
	byID           // whatever it is called now
	byBoth         // of a session: its name, and the id of its role
	byEither       // who is left out of what everyone is allowed
)

func (w *whom) match(p *Principal) Reach {
	switch {
	case w.reach == AsEveryone:
		return AsEveryone
	case w.reach == AsAccount:
		if w.name == p.Account && p.Kind < Service {
			return AsAccount
		}
	case w.kind == p.Kind && w.is(p):
		return w.reach
	}
	return 0
}

// is says whether an entry of p's kind means p.
func (w *whom) is(p *Principal) bool {
	name := p.ARN
	if w.reach == AsRole {
		name = p.Role
	}
	switch w.bound {
	case byID:
		return w.sameID(p)
	case byBoth:
		return w.name == name && w.sameID(p)
	case byEither:
		return w.name == name || w.sameID(p)
	}
	return w.reach != 0 && w.name == name
}

// former says whether the entry means one who was deleted, and whose name p has now.
func (w *whom) former(p *Principal) bool {
	byID := *w
	byID.bound = byName
	return w.bound != byName && !w.is(p) && w.kind == p.Kind && byID.is(p)
}

func (w *whom) sameID(p *Principal) bool { return w.id != "" && w.id == p.ID }

// A naming says who the names in a policy are.
type naming struct {
	partition string
	bound     bool              // users and roles are who they were when the policy was saved:
	ids       map[string]string // by ARN; who is not in it is nobody
}

// whoms compiles a Principal that was checked.
func (n naming) whoms(v *value) []whom {
	if v.kind == stringKind {
		return []whom{{reach: AsEveryone}}
	}
	var all []whom
	for _, m := range v.members {
		names, _ := m.texts()
		for _, name := range names {
			switch m.name {
			case "AWS":
				all = append(all, n.aws(name))
			case "Service":
				all = append(all, whom{reach: AsItself, kind: Service, name: name})
			case "Federated": // in a key policy it means nobody: no web identity asks for a key
				all = append(all, whom{reach: AsItself, kind: WebIdentity, name: spell(name, n.partition)})
			default: // CanonicalUser is for no service of ours
				all = append(all, whom{})
			}
		}
	}
	return all
}

func (n naming) aws(name string) whom {
	name = spell(name, n.partition)
	parts := strings.SplitN(name, ":", arnParts)
	switch {
	case name == "*":
		return whom{reach: AsEveryone}
	case accountID.MatchString(name):
		return whom{reach: AsAccount, name: name}
	case len(parts) != arnParts: // the id of a principal that is gone
		return whom{}
	case parts[5] == "root":
		return whom{reach: AsAccount, name: strings.Clone(parts[4])} // not the whole name
	}
	w := whom{name: name}
	switch kind, _, _ := strings.Cut(parts[5], "/"); kind {
	case "user":
		w.reach, w.kind, w.bound = AsItself, User, byID
	case "role":
		w.reach, w.kind, w.bound = AsRole, Session, byID
	case "assumed-role":
		w.reach, w.kind, w.bound = AsItself, Session, byBoth
	case "federated-user": // is no entity that could be deleted
		w.reach, w.kind = AsItself, Federated
	}
	if w.id = n.ids[name]; !n.bound {
		w.bound = byName
	}
	return w
}

// spell puts an ARN of either spelling into that of the partition.
func spell(name, partition string) string {
	if rest, other := strings.CutPrefix(name, "arn:"+otherPartition+":"); other {
		return "arn:" + partition + ":" + rest
	}
	return name
}
