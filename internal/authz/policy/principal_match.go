package policy

import "strings"

// A Principal is who asks (access.md §2.1).
type Principal struct {
	Kind    PrincipalKind
	Account string // 12 digits; empty of a service
	ARN     string // of a session its own; of a service its name
	Role    string // of a session: the ARN of its role, with the path
}

// A PrincipalKind is what a principal is. The zero kind is nothing that may do anything.
type PrincipalKind int

const (
	Root PrincipalKind = 1 + iota // the root user of an account
	User
	Session   // of a role
	Federated // a federated user
	Service   // a service principal
)

// A reach is how entries of a key policy mean a caller: access.md §4.3 treats the ways differently.
type reach uint8

const (
	asEveryone reach = 1 << iota // "*"
	asAccount                    // its account: whether it may, the account's own policies say
	asRole                       // its role
	asItself                     // itself
)

// A whom is one entry of a Principal.
type whom struct {
	reach reach  // 0: nobody who is alive
	name  string // an account id or an ARN; of a service its name
	kind  PrincipalKind
}

func (w whom) match(p *Principal) reach {
	switch {
	case w.reach == asEveryone:
		return asEveryone
	case (w.kind == Service) != (p.Kind == Service):
		return 0
	case w.reach == asAccount && w.name == p.Account,
		w.reach == asRole && p.Kind == Session && w.name == p.Role,
		w.reach == asItself && w.name == p.ARN:
		return w.reach
	}
	return 0
}

// whoms compiles a Principal that was checked.
func whoms(v *value, partition string) []whom {
	if v.kind == stringKind {
		return []whom{{reach: asEveryone}}
	}
	var all []whom
	for _, m := range v.members {
		names, _ := m.texts()
		for _, name := range names {
			switch m.name {
			case "AWS":
				all = append(all, whomAWS(name, partition))
			case "Service":
				all = append(all, whom{asItself, name, Service})
			default: // Federated is for trust policies, CanonicalUser for no service of ours: nobody here
				all = append(all, whom{})
			}
		}
	}
	return all
}

func whomAWS(name, partition string) whom {
	parts := strings.SplitN(name, ":", arnParts)
	switch {
	case name == "*":
		return whom{reach: asEveryone}
	case accountID.MatchString(name):
		return whom{reach: asAccount, name: name}
	case len(parts) != arnParts: // the id of a principal that is gone
		return whom{}
	case parts[5] == "root":
		return whom{reach: asAccount, name: parts[4]}
	}
	parts[1] = partition // from either spelling
	w := whom{reach: asItself, name: strings.Join(parts, ":")}
	if strings.HasPrefix(parts[5], "role/") {
		w.reach = asRole
	}
	return w
}
