//go:build !race

// The race detector keeps memory of its own for what a program has, so this runs without it (make test-norace).

package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/footprint/heaptest"
)

// What a policy is counted to take is what it takes, whatever it is made of: else a tenant whose policies are made to be
// large when compiled would take several times what --cache-bytes allows.
func TestMemoryIsWhatItIsCountedAs(t *testing.T) {
	values := func(operator, value string) string {
		return `"Condition":{"` + operator + `":{"x:k":[` + many(28<<10/(len(value)+3), func(int) string { return `"` + value + `"` }) + `]}}`
	}
	for name, elements := range map[string]string{
		"ArnLike *":           values("ArnLike", "*"),
		"ArnLike of parts":    values("ArnLike", "a:b:c:d:e:f"),
		"StringLike *":        values("StringLike", "*"),
		"StringLike a*":       values("StringLike", "a*"),
		"StringLike of stars": values("StringLike", strings.Repeat("*", 1000)),
		"StringLike of text":  values("StringLike", strings.Repeat("abcd", 250)+"*"),
		"variables":           values("StringLike", "${aws:x}"),
		"many variables":      values("ArnLike", strings.Repeat("${aws:x}b", 20)),
		"fallbacks":           values("StringEquals", "${aws:X, 'abc'}"),
		"no such variables":   values("StringEquals", "${}${}${}"),
		"StringEquals":        values("StringEquals", "a"),
		"IgnoreCase":          values("StringEqualsIgnoreCase", "AA"),
		"Numeric":             values("NumericEquals", "1"),
		"Date":                values("DateLessThan", "2020-01-01T00:00:00Z"),
		"Bool":                values("Bool", "true"),
		"Binary":              values("BinaryEquals", "YWJj"),
		"no binary":           values("BinaryEquals", strings.Repeat("YWJjYWJj", 40)+"!"),
		"IpAddress":           values("IpAddress", "10.0.0.0/8"),
		"no IpAddress":        values("IpAddress", strings.Repeat(`\u0001`, 100)),
		"Null":                values("Null", "true"),
		"many keys":           `"Condition":{"StringLike":{` + many(2600, func(i int) string { return fmt.Sprintf(`"a%d":"*"`, i) }) + `}}`,
		"many keys in caps":   `"Condition":{"Null":{` + many(2400, func(i int) string { return fmt.Sprintf(`"A%d":true`, i) }) + `}}`,
		"many actions":        `"Action":[` + many(5000, func(int) string { return `"a:b"` }) + `]`,
		"many resources":      `"Resource":[` + many(7000, func(int) string { return `"a"` }) + `]`,
		"many accounts":       `"Principal":{"AWS":[` + many(1900, func(i int) string { return fmt.Sprintf(`"%012d"`, i) }) + `]}`,
		"many root users":     `"Principal":{"AWS":[` + many(900, func(i int) string { return fmt.Sprintf(`"arn:aws:iam::%012d:root"`, i) }) + `]}`,
		"many services":       `"Principal":{"Service":[` + many(7000, func(int) string { return `"a"` }) + `]}`,
	} {
		t.Run(name, func(t *testing.T) { isCounted(t, statement(elements), policy.Parse) })
	}
	t.Run("many statements", func(t *testing.T) {
		isCounted(t, many(500, func(int) string { return statement("") }), policy.Parse)
	})
	for name, resource := range map[string]string{"ARNs": "arn:aws:kms:*:1:key/*", "variables": "arn:aws:kms:::key/${aws:x}", "text": "a"} {
		t.Run("of an identity, "+name, func(t *testing.T) {
			isCounted(t, `{"Effect":"Allow","Action":"*","Resource":[`+many(1000, func(int) string { return `"` + resource + `"` })+`]}`, policy.ParseIdentity)
		})
	}
}

// statement is one with these elements, and those that it must have besides.
func statement(elements string) string {
	for _, other := range []string{`"Effect":"Deny"`, `"Principal":"*"`, `"Action":"*"`, `"Resource":"*"`} {
		if name, _, _ := strings.Cut(other, ":"); !strings.Contains(elements, name+":") {
			elements = strings.TrimSuffix(other+","+elements, ",")
		}
	}
	return "{" + elements + "}"
}

func many(n int, one func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return strings.Join(all, ",")
}

func isCounted(t *testing.T, statements string, parse func(text, partition string) (*policy.Document, error)) {
	t.Helper()
	text := `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	var kept [30]*policy.Policy
	before := heaptest.Bytes()
	for i := range kept {
		d, err := parse(text, "aws")
		if err != nil {
			t.Fatal(err)
		}
		kept[i] = d.Compile()
	}
	got, counted := float64(heaptest.Bytes()-before)/float64(len(kept)), float64(kept[0].MemorySize())
	t.Logf("%d bytes of text take %.0f, %.1f times as many, and are counted as %.0f, %.2f of it", len(text), got, got/float64(len(text)), counted, counted/got)
	if got > counted*21/20 || got < counted/2 {
		t.Errorf("it takes %.0f bytes, and is counted as %.0f", got, counted)
	}
	runtime.KeepAlive(kept)
}
