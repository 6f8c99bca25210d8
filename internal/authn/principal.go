package authn

import (
	"regexp"
	"strings"

	"qkms/internal/fault"
)

// A Principal is an identity of IAM as an ARN names it (access.md §2.1): an account's root user, a user,
// a role, a session of a role, a federated user. That it is well-formed does not mean that it exists.
type Principal struct {
	ARN     string // in this deployment's partition
	Account string // 12 digits
}

// RootARN names the root user of an account, and the account as a whole.
func RootARN(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":root"
}

// otherPartition is the partition of the resource names of the QKMS reference, understood everywhere.
const otherPartition = "verenc"

// Resource parts of principals, by service. Paths are allowed where IAM has them: a session names its
// role without (operations.md §12.3 [R2]).
var principalKinds = map[string]*regexp.Regexp{
	"iam": regexp.MustCompile(`^(?:root|user/(?:[\x21-\x7e]{1,510}/)?[\w+=,.@-]{1,64}|role/(?:[\x21-\x7e]{1,510}/)?[\w+=,.@-]{1,64})$`),
	"sts": regexp.MustCompile(`^(?:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}|federated-user/[\w+=,.@-]{2,32})$`),
}

// groups are in IAM and are no principals (access.md §2.1 [D]).
var groups = regexp.MustCompile(`^group/(?:[\x21-\x7e]{1,510}/)?[\w+=,.@-]{1,128}$`)

// ParsePrincipal reads the ARN of a principal in partition, or in the spelling of the QKMS reference.
// Anything else is InvalidArnException.
func ParsePrincipal(partition, arn string) (Principal, error) {
	f := strings.SplitN(arn, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[1] != partition && f[1] != otherPartition || f[3] != "" || !isAccount(f[4]) {
		return Principal{}, fault.MalformedPrincipal(arn)
	}
	kind, known := principalKinds[f[2]]
	switch {
	case f[2] == "iam" && groups.MatchString(f[5]):
		return Principal{}, fault.NoPrincipal(arn)
	case !known || !kind.MatchString(f[5]):
		return Principal{}, fault.MalformedPrincipal(arn)
	}
	f[1] = partition
	return Principal{ARN: strings.Join(f, ":"), Account: f[4]}, nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

var service = regexp.MustCompile(`^(?:[a-z0-9-]{1,63}\.)+amazonaws\.com(?:\.cn)?$`)

// IsService reports whether name is written like a service principal: rds.amazonaws.com.
func IsService(name string) bool { return service.MatchString(name) }
