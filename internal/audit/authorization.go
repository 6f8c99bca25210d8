package audit

// Verdicts tells what was decided about each thing that a call needed.
type Verdicts interface {
	// Verdict returns the one with number i, from 0 until ok is false, as far as account may know it: the
	// zero Verdict where it may know nothing. It is asked as a record is rendered, and told nothing twice:
	// what it returns must not change from then on.
	Verdict(account string, i int) (v Verdict, ok bool)
}

// A Verdict is one decision, by the statement or the grant that made it.
type Verdict struct {
	Action  string // "kms:Encrypt"
	Allowed bool
	Reason  string // of a refusal: NoIdentityPolicy

	Source    string // KeyPolicy …, or Grant; empty where it is the lack of a statement that decided
	Policy    string // ARN of a managed policy, name of an inline one
	Of        string // whose inline policy it is: "user/alice"
	Statement int    // which of the policy, from 1
	Sid       string // cut to 256 bytes: those of key policies may be any text
	Grant     string // id
}

const maxSid = 256

// additional writes additionalEventData: what the operation says, and what was decided. Nobody's record says
// how somebody else's policies decided.
func (e *encoder) additional(r *Record) {
	before := len(e.b)
	e.name("additionalEventData")
	start := len(e.b)
	e.b = append(e.b, '{')
	e.members(r.Additional)
	e.verdicts(r)
	if len(e.b) == start+1 {
		e.b = e.b[:before]
		return
	}
	e.close()
	e.limit(start, maxAdditional)
}

func (e *encoder) verdicts(r *Record) {
	if r.Authorization == nil {
		return
	}
	told := false
	for i := 0; ; i++ {
		v, ok := r.Authorization.Verdict(r.RecipientAccount, i)
		switch {
		case !ok && told:
			e.b = append(e.b, ']')
			return
		case !ok:
			return
		case v.Action == "":
			continue
		case told:
			e.b = append(e.b, ',')
		default:
			e.name("authorization")
			e.b = append(e.b, '[')
		}
		told = true
		e.verdict(&v)
	}
}

func (e *encoder) verdict(v *Verdict) {
	e.b = append(e.b, '{')
	e.text("action", v.Action, maxText)
	if v.Allowed {
		e.text("decision", "Allowed", maxText)
	} else {
		e.text("decision", "Denied", maxText)
		e.text("reason", v.Reason, maxText)
	}
	e.text("source", v.Source, maxText)
	e.text("policy", v.Policy, maxARN)
	e.text("policyOf", v.Of, maxText)
	if v.Statement > 0 {
		e.int("statement", v.Statement)
	}
	e.text("sid", v.Sid, maxSid)
	e.text("grantId", v.Grant, maxText)
	e.close()
}
