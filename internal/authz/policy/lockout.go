package policy

import "strings"

// KeepsRoot reports whether the root user of account could change the policy again: the lockout safety
// check, for the only callers there are yet (access.md §3.7).
//
// A statement with a Condition counts against the caller whichever way it goes: whether it holds the
// next time is not known, and a key that nobody can manage any more is worse than a refused policy.
func (d *Document) KeepsRoot(partition, account string) bool {
	allowed := false
	for _, s := range d.statements {
		if !namesRoot(s, partition, account) || !covers(s, "kms:PutKeyPolicy") || !anyResource(s) {
			continue
		}
		effect, _ := s.get("Effect")
		_, conditional := s.get("Condition")
		switch {
		case effect.scalar == "Deny":
			return false
		case !conditional:
			allowed = true
		}
	}
	return allowed
}

func namesRoot(s *value, partition, account string) bool {
	names := func(p *value) bool {
		if p.kind == stringKind {
			return p.scalar == "*"
		}
		aws, ok := p.get("AWS")
		if !ok {
			return false
		}
		texts, _ := aws.texts()
		for _, t := range texts {
			if t == "*" || t == account || t == "arn:"+partition+":iam::"+account+":root" {
				return true
			}
		}
		return false
	}
	if p, ok := s.get("Principal"); ok {
		return names(p)
	}
	p, _ := s.get("NotPrincipal")
	return !names(p)
}

// covers reports whether the statement is about action; names compare without case, * is any run of
// characters and ? any one.
func covers(s *value, action string) bool {
	a, ok := s.get("Action")
	if !ok {
		if a, ok = s.get("NotAction"); !ok {
			return false
		}
		return !anyMatch(a, action)
	}
	return anyMatch(a, action)
}

func anyMatch(v *value, action string) bool {
	texts, _ := v.texts()
	for _, t := range texts {
		if Match(strings.ToLower(t), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

func anyResource(s *value) bool {
	r, ok := s.get("Resource")
	if !ok {
		return false
	}
	texts, _ := r.texts()
	for _, t := range texts {
		if t == "*" {
			return true
		}
	}
	return false
}

// Match reports whether s matches pattern, in which * is any run of characters and ? any one. It takes
// time proportional to the product of the lengths at the very most, whatever the pattern: a hostile
// one cannot make it backtrack further.
func Match(pattern, s string) bool {
	star, mark := -1, 0
	p := 0
	for i := 0; i < len(s); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
