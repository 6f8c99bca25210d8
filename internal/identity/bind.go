package identity

import (
	"context"
	"crypto/rand"
	"strings"
)

// idDigits is how many characters follow the four of the kind in a unique id, as in AWS's.
const idDigits = 17

// NewID makes a unique id of a kind: "AIDA" of a user, "AROA" of a role, "AGPA" of a group, "ANPA" of a
// managed policy. It is never given twice: 85 random bits.
func NewID(kind string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b [idDigits]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return kind + string(b[:])
}

// Bind tells whether arn names a principal that exists, and returns the unique id of the user or role that
// it names or is a session of. Policies and grants keep that id: who is given a name that somebody else had
// gets nothing with it (access.md §2.2). The root user has no id, and every account has one; so have
// federated users, whom nobody here issues.
func (d *Directory) Bind(ctx context.Context, arn string) (id string, known bool, err error) {
	f := strings.SplitN(arn, ":", 6)
	if len(f) != 6 {
		return "", false, nil
	}
	kind, name, _ := strings.Cut(f[5], "/")
	last := name[strings.LastIndexByte(name, '/')+1:]
	switch kind {
	case "root", "federated-user":
		return "", true, nil
	case "user":
		u, err := d.User(ctx, f[4], last)
		if u == nil || !sameName(u.ARN, arn) {
			return "", false, err
		}
		return u.Id, true, nil
	case "role":
		r, err := d.Role(ctx, f[4], last)
		if r == nil || !sameName(r.ARN, arn) {
			return "", false, err
		}
		return r.Id, true, nil
	case "assumed-role":
		role, _, _ := strings.Cut(name, "/")
		r, err := d.Role(ctx, f[4], role)
		if r == nil {
			return "", false, err
		}
		return r.Id, true, nil
	}
	return "", false, nil
}

// sameName compares ARNs apart from their partitions, of which two are understood.
func sameName(a, b string) bool {
	_, a, _ = strings.Cut(strings.TrimPrefix(a, "arn:"), ":")
	_, b, _ = strings.Cut(strings.TrimPrefix(b, "arn:"), ":")
	return a == b
}

// BindAll is Bind of many. unknown is the first that names nobody.
func (d *Directory) BindAll(ctx context.Context, arns []string) (ids map[string]string, unknown string, err error) {
	ids = map[string]string{}
	for _, arn := range arns {
		id, known, err := d.Bind(ctx, arn)
		if err != nil || !known {
			return nil, arn, err
		}
		if id != "" {
			ids[arn] = id
		}
	}
	return ids, "", nil
}
