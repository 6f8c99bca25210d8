package server

import (
	"qkms/internal/audit"
	"qkms/internal/authz"
	"qkms/internal/authz/policy"
)

// decided tells the records of a request how it was authorized: the caller's by the caller's own policies,
// that of a key's owner by the key policy and grants as well.
type decided authz.Request

// Verdict implements audit.Verdicts.
func (d *decided) Verdict(account string, i int) (audit.Verdict, bool) {
	req := (*authz.Request)(d)
	v, decision, tell, ok := req.Of(account, i)
	if !ok || !tell {
		return audit.Verdict{}, ok
	}
	by := decision.By
	out := audit.Verdict{Action: v.Action, Allowed: decision.Allowed, Reason: decision.Reason.String(), Source: by.Source.String(), Sid: by.Sid}
	switch by.Source {
	case policy.NoSource:
		return out, true
	case policy.AGrant:
		out.Grant = v.Grant
		return out, true
	}
	out.Statement = by.Statement + 1
	if p := req.Origin(by); p != nil && p.ARN != "" {
		out.Policy = p.ARN
	} else if p != nil {
		out.Policy, out.Of = p.Name, p.Of
	}
	return out, true
}

var _ audit.Verdicts = (*decided)(nil)
