package audit_test

import (
	"strings"
	"testing"

	"qkms/internal/audit"
)

// verdicts are the same for every account but nobody.
type verdicts []audit.Verdict

func (v verdicts) Verdict(account string, i int) (audit.Verdict, bool) {
	if i >= len(v) {
		return audit.Verdict{}, false
	}
	if account == "" {
		return audit.Verdict{}, true
	}
	return v[i], true
}

func TestAuthorization(t *testing.T) {
	one := audit.Verdict{Action: "kms:Encrypt", Allowed: true, Reason: "Allowed", Source: "KeyPolicy", Statement: 1, Sid: "a \"b\""}
	no := audit.Verdict{Action: "kms:Decrypt", Reason: "NoKeyPolicy"}
	long := one
	long.Sid = strings.Repeat("\x00", 32<<10)
	for _, row := range []struct {
		name    string
		account string
		decided audit.Verdicts
		more    audit.Detail
		want    string
	}{
		{"nothing was decided", "111122223333", nil, nil, ``},
		{"no decision yet", "111122223333", verdicts{}, nil, ``},
		{"one", "111122223333", verdicts{one}, nil, `{"authorization":[{"action":"kms:Encrypt","decision":"Allowed","source":"KeyPolicy","statement":1,"sid":"a \"b\""}]}`},
		{"beside what an operation says", "111122223333", verdicts{no}, audit.Detail{audit.String("grantId", "x")}, `{"grantId":"x","authorization":[{"action":"kms:Decrypt","decision":"Denied","reason":"NoKeyPolicy"}]}`},
		{"what may not be known", "111122223333", verdicts{{}, no, {}}, nil, `{"authorization":[{"action":"kms:Decrypt","decision":"Denied","reason":"NoKeyPolicy"}]}`},
		{"none of it may", "", verdicts{one, no}, nil, ``},
		{"a Sid as long as a policy", "111122223333", verdicts{long, long, long, long}, nil, `{"authorization":[` + strings.Repeat(`,{"action":"kms:Encrypt","decision":"Allowed","source":"KeyPolicy","statement":1,"sid":"`+strings.Repeat(`\u0000`, 256)+`"}`, 4)[1:] + `]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &audit.Record{RecipientAccount: row.account, Authorization: row.decided, Additional: row.more}
			if got := members(t, r.Encode())["additionalEventData"]; string(got) != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}
