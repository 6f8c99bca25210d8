package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"qkms/e2e/browser"
	"qkms/e2e/program"
)

// What somebody writes who hopes that an administrator looks at it: each says where it was, if a script of it runs or its markup is taken.
const (
	script   = `<script>window.__pwned="%[1]s"</script><img src=x onerror="window.__pwned='%[1]s'">"'><svg onload=window.__pwned=1>`
	template = `{{.Session.Secret}}{{printf "%%s" .}}${7*7} \u003cb\u003e`
	link     = `javascript:window.__pwned="%[1]s"//[x](javascript:window.__pwned=2)`
	// A right-to-left override, which makes "exe.gpj" read like a picture, marks without width, and a form feed.
	turned = "pic\u202egpj.exe\u2066\u200bx\u200d\ufeffy\u0007"
)

func hostile(where string) string { return latin(where) + " " + turned }

// latin is hostile text of the letters that policies may have.
func latin(where string) string { return fmt.Sprintf("%[1]s "+script+" "+template+" "+link, where) }

// hostileAccount is one in which everything that takes text has been given such.
func hostileAccount(t *testing.T) program.Login {
	t.Helper()
	who := program.Login{URL: server.URL, ID: "AKIAE2EHOSTILE000001", Secret: "e2e-secret-of-another-account"}
	long := strings.Repeat("W", 10_000)
	const id = "arn:aws:iam::444455556666:"
	policy := text(map[string]any{
		"Version": "2012-10-17", "Id": latin("policy-id"), "Statement": []any{
			map[string]any{"Sid": latin("policy-sid"), "Effect": "Allow", "Principal": map[string]any{"AWS": id + "root"}, "Action": "kms:*", "Resource": "*"},
			map[string]any{
				"Sid": long, "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*",
				"Condition": map[string]any{"StringEquals": map[string]any{"kms:EncryptionContext:" + latin("policy-context"): latin("policy-value")}},
			},
		},
	})
	var key struct{ KeyMetadata struct{ KeyId string } }
	must(t, who.KMS("CreateKey", map[string]any{"Description": (hostile("description") + long)[:8192], "Policy": policy, "Tags": []any{
		map[string]any{"TagKey": short("tag-key", 128), "TagValue": short("tag-value", 256)},
		map[string]any{"TagKey": long[:128], "TagValue": long[:256]},
	}}, &key))
	k := key.KeyMetadata.KeyId
	must(t, who.KMS("CreateAlias", map[string]any{"AliasName": "alias/javascript/alert-1-" + long[:200], "TargetKeyId": k}, nil))
	must(t, who.KMS("Encrypt", map[string]any{"KeyId": k, "Plaintext": "aGk=", "EncryptionContext": map[string]any{hostile("context-key"): hostile("context-value"), "long": long[:4000]}}, nil))
	if who.KMS("DescribeKey", map[string]any{"KeyId": "<script>window.__pwned='refused'</script>"}, nil) == nil {
		t.Fatal("DescribeKey of markup: got a success")
	}

	path := `/<script>window.__pwned="path"</script>/"><img/src=x/onerror=window.__pwned=3>/`
	inline := `{"Version":"2012-10-17","Statement":[{"Sid":"Inline","Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/<script>window.__pwned='inline'</script>"},{"Effect":"Allow","Action":["kms:*","qkms:*","iam:Get*","iam:List*"],"Resource":"*"}]}`
	must(t, who.IAM("CreateUser", nil, "UserName", "mallory", "Path", path))
	must(t, who.IAM("PutUserPolicy", nil, "UserName", "mallory", "PolicyName", "all", "PolicyDocument", inline))
	trust := `{"Version":"2012-10-17","Statement":[{"Sid":"Trust","Effect":"Allow","Principal":{"AWS":"` + id + `root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"<script>window.__pwned='trust'</script>"}}}]}`
	must(t, who.IAM("CreateRole", nil, "RoleName", "mallory", "Path", path, "AssumeRolePolicyDocument", trust, "Description", `role <script>window.__pwned="role"</script>`))
	must(t, who.KMS("CreateGrant", map[string]any{
		"KeyId": k, "GranteePrincipal": id + "root", "Operations": []string{"Decrypt"}, "Name": "javascript/alert-1",
		"Constraints": map[string]any{"EncryptionContextSubset": map[string]any{hostile("constraint-key"): hostile("constraint-value")}},
	}, nil))
	var made struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	must(t, who.IAM("CreateAccessKey", &made, "UserName", "mallory"))
	return program.Login{URL: server.URL, ID: made.ID, Secret: made.Secret}
}

// hostileKey is another key of who, with such text where a key has any.
func hostileKey(t *testing.T, who program.Login, property string, value any) (id string) {
	t.Helper()
	var key struct{ KeyMetadata struct{ KeyId string } }
	must(t, who.KMS("CreateKey", map[string]any{
		property: value, "Description": "</textarea>" + hostile(property),
		"Tags": []any{map[string]any{"TagKey": short("key-"+property, 128), "TagValue": short("value-"+property, 256)}},
	}, &key))
	return key.KeyMetadata.KeyId
}

// text is JSON with its markup as it is.
func text(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // of texts
	}
	return b.String()
}

// short is hostile text of at most so many bytes, cut between characters.
func short(where string, most int) string {
	text := fmt.Sprintf("%[1]s "+script, where)
	return text[:min(len(text), most-len(turned))] + turned
}

// Whatever people write stays text: no script of it runs, no markup of it is taken, what turns the direction of reading is shown by its
// number, and no page falls apart.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	who := hostileAccount(t)
	c := newCrawl(t, "hostile", who)
	c.also = func(tab *browser.Tab) {
		if ran := browser.Eval[string](tab, "String(window.__pwned)"); ran != "undefined" {
			t.Errorf("%s: a script ran: %s", tab.Path(), ran)
		}
		if taken := browser.Eval[[]string](tab, `[...document.querySelectorAll("[onerror], [onload], img[src=x], a[href^='javascript:' i], main script")].map((e) => e.outerHTML.slice(0, 200))`); len(taken) > 0 {
			t.Errorf("%s: markup was taken: %q", tab.Path(), taken)
		}
		text := tab.Text("body")
		said.WriteString(text)
		if at := strings.IndexAny(text, "\u202e\u2066\u200b\u200d\ufeff"); at >= 0 {
			t.Errorf("%s: shows marks that nobody sees: %+q", tab.Path(), text[max(0, at-60):min(len(text), at+30)])
		}
	}
	for _, event := range []string{"Encrypt", "CreateKey", "DescribeKey"} { // records that have such text
		c.tab.Go("/console/audit?error=&event=" + event)
		c.tab.Send(event)
		c.page(c.tab.Path())
	}
	c.all()
	// Of keys that are made when the crawl is over, which takes one key for all of them.
	c.page("/console/keys/" + hostileKey(t, who, "Origin", "EXTERNAL") + "/import")
	c.tab.Send("Get a wrapping key and its token")
	c.also(c.tab)
	k := hostileKey(t, who, "MultiRegion", true)
	must(t, who.KMS("ReplicateKey", map[string]any{"KeyId": k, "ReplicaRegion": "eu-west-1", "Description": hostile("replica")}, nil))
	c.page("/console/keys/" + k + "/regions")
	c.tab.Send("Go to eu-west-1")
	c.also(c.tab)
	for _, where := range []string{
		`description <script>window.__pwned="description"</script>`, "U+202E", "{{.Session.Secret}}", "alias/javascript/alert-1-WWW",
		`user/<script>window.__pwned="path"</script>`,
	} {
		if !strings.Contains(said.String(), where) {
			t.Errorf("no page shows %q", where)
		}
	}
}
