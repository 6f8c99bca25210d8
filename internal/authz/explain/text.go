package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"qkms/internal/authz/policy"
)

// Text is the explanation for people to read, in lines.
func (x *Explanation) Text() string {
	var b strings.Builder
	word := "REFUSED"
	if x.Allowed {
		word = "ALLOWED"
	}
	fmt.Fprintf(&b, "%s: %s", word, x.Principal)
	if n := len(x.Decisions); n > 0 {
		fmt.Fprintf(&b, ", %s on %s", x.Decisions[n-1].Action, printable(x.Decisions[n-1].Resource))
	}
	b.WriteString("\n")
	if x.Message != "" {
		fmt.Fprintf(&b, "The caller is told: %s\n", printable(x.Message))
	}
	for i := range x.Decisions {
		if len(x.Decisions) > 1 {
			fmt.Fprintf(&b, "\n%d. %s on %s\n", i+1, x.Decisions[i].Action, x.Decisions[i].Resource)
		}
		x.Decisions[i].text(&b)
	}
	return b.String()
}

var because = map[string]string{
	"NoKeyPolicy":           "Neither the key policy nor a grant allows it.",
	"NoIdentityPolicy":      "No policy of the caller allows it, and it is they that decide.",
	"NoPermissionsBoundary": "It is allowed, but not within the permissions boundary of the caller.",
	"NoSessionPolicy":       "It is allowed, but not within the session policy.",
	"OutsideTheAccount":     "It is another account's, and the two accounts do not both allow it.",
	"UnknownPrincipal":      "The caller is of no kind that may do anything.",
	"NoTrustPolicy":         "The trust policy does not allow it.",
	"NotDecided":            "The policies and the request take too long to compare: that is a refusal.",
}

func (d *Decision) text(b *strings.Builder) {
	say := func(format string, args ...any) {
		for i, arg := range args {
			if s, is := arg.(string); is {
				args[i] = printable(s)
			}
		}
		fmt.Fprintf(b, format+"\n", args...)
	}
	say("")
	switch {
	case d.Why != "":
		say("%s", d.Why)
	case d.By != nil && d.By.Grant != "":
		say("Allowed by grant %s.", d.By.Grant)
	case d.By != nil:
		verb := "Denied"
		if d.Allowed {
			verb = "Allowed"
		}
		s := Statement{Number: d.By.Statement, Sid: d.By.Sid}
		say("%s by %s:", verb, s.in(&Policy{Name: d.By.Policy}))
		say("    %s", compact(d.By.Text))
	}
	if d.Note != "" {
		say("%s", d.Note)
	}
	d.considered(say)
	if len(d.Needed) > 0 {
		say("\nAny of these would have been enough, the nearest first:")
	}
	for _, w := range d.Needed {
		say("  - %s", w.Changes[0])
		for _, c := range w.Changes[1:] {
			say("    and %s", c)
		}
	}
}

// printable escapes what does not print: whoever writes a policy, a Sid or a name must not write lines of this
// text, nor commands to the terminal that shows it.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// considered lists what was asked: what applies, what nearly does, and how much else there was.
func (d *Decision) considered(say func(string, ...any)) {
	if len(d.Policies)+len(d.Grants) > 0 {
		say("\nAsked:")
	}
	for i := range d.Policies {
		p := &d.Policies[i]
		others := 0
		say("  %s", p.Name)
		for j := range p.Statements {
			switch s := &p.Statements[j]; {
			case s.Applies:
				say("    %s: %s", s.name(), s.Effect)
			case !s.Deny && (len(s.Misses) == 1 || s.step.Means != 0 && s.step.Action):
				say("    %s: no, %s", s.name(), strings.Join(s.Misses, "; "))
			default:
				others++
			}
		}
		if others > 0 {
			say("    %d that are not about it", others)
		}
	}
	for _, g := range d.Grants {
		say("  grant %s: %s", strings.TrimSpace(g.ID+" "+g.Name), g.Why)
	}
}

// effect is that of a statement which applies.
func (s *Statement) effect(p *Policy) string {
	switch {
	case s.Deny:
		return "denies it"
	case (p.Source == "KeyPolicy" || p.Source == "TrustPolicy") && s.step.Means == policy.AsAccount:
		return "leaves it to the policies of the caller's account"
	}
	return "allows it"
}

// compact is a statement in one line.
func compact(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}
