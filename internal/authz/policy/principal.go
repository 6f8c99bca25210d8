package policy

import (
	"fmt"
	"regexp"
	"strings"

	"qkms/internal/fault"
)

func (d *Document) checkPrincipal(v *value, where string) error {
	if v.kind == stringKind && v.scalar == "*" {
		return nil
	}
	if v.kind != objectKind || len(v.members) == 0 {
		return fault.PolicySyntax(where + ` has a Principal that is neither "*" nor an object`)
	}
	for _, m := range v.members {
		names, ok := m.texts()
		if !ok {
			return fault.PolicySyntax(fmt.Sprintf("%s has a Principal whose %s is neither a string nor a list of strings", where, m.name))
		}
		switch m.name {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return fault.PolicySyntax(fmt.Sprintf("%s has a Principal of the unknown kind %q", where, m.name))
		}
		for _, name := range names {
			if err := d.checkName(m.name, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkName looks at one entry of a Principal.
func (d *Document) checkName(kind, name string) error {
	trust := d.grammar == ofRole
	switch {
	case kind == "AWS" && trust && checkAWS(name, d.partition) != nil,
		kind == "CanonicalUser" && trust,
		kind == "Service" && trust && !serviceName.MatchString(name):
		return fault.TrustPrincipal(kind, name)
	case kind == "AWS":
		return checkAWS(name, d.partition)
	case kind == "Federated" && trust:
		return checkFederated(name, d.partition)
	}
	return nil // in a key policy it means nobody
}

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	uniqueID    = regexp.MustCompile(`^A(ID|RO)A[A-Z0-9]{16,}$`)
	iamName     = regexp.MustCompile(`^(root|(user|role)/([!-)+->@-~]*/)?[\w+=,.@-]+)$`) // paths are ASCII; no wildcards
	stsName     = regexp.MustCompile(`^(assumed-role/[\w+=,.@-]+/[\w+=,.@-]+|federated-user/[\w+=,.@-]+)$`)
	serviceName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
)

const (
	arnParts = 6

	// otherPartition is that of the resource names of the QKMS reference, understood everywhere.
	otherPartition = "verenc"
)

// checkAWS looks at one entry of Principal.AWS (access.md §2.2, §3.6). Whether who is named exists is not
// known here: Document.Principals says whom to look up.
func checkAWS(name, partition string) error {
	if name == "*" || accountID.MatchString(name) || uniqueID.MatchString(name) {
		return nil
	}
	parts := strings.SplitN(name, ":", arnParts)
	if len(parts) != arnParts || parts[0] != "arn" || strings.HasPrefix(parts[5], "group/") {
		return fault.PolicyArn()
	}
	if parts[1] != partition && parts[1] != otherPartition || parts[3] != "" || !accountID.MatchString(parts[4]) {
		return fault.PolicyPrincipal()
	}
	if parts[2] == "iam" && iamName.MatchString(parts[5]) || parts[2] == "sts" && stsName.MatchString(parts[5]) {
		return nil
	}
	return fault.PolicyPrincipal() // wildcards among them: there are none inside a principal
}
