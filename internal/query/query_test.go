package query_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

type tag struct {
	Key   string `is:"required,tagKey"`
	Value string `is:"required,tagValue"`
}

type in struct {
	UserName    string   `is:"required,userName"`
	Path        string   `is:"path"`
	Description *string  `is:"roleDescription"`
	MaxItems    int      `is:"maxItems"`
	Status      string   `is:"status"`
	Force       bool     ``
	TokenCode   string   `is:"tokenCode"`
	Names       []string `is:"each=userName"`
	Tags        []tag    `is:"tags"`
}

type out struct {
	Name  string
	When  query.Time
	Never query.Time
	Names query.List[string]
}

// kept is what an operation saw of its request.
type kept struct {
	in
	row query.Row
}

func newRow() *kept {
	k := new(kept)
	k.row = &query.Op[in, out]{
		Name: "DoIt",
		Run: func(_ context.Context, _ *query.Call, p *in) (*out, *record.Change, error) {
			k.in = *p
			return &out{Name: p.UserName, When: query.Time{Time: time.Unix(1e9, 5)}}, nil, nil
		},
	}
	return k
}

func TestDecode(t *testing.T) {
	const one = "1 validation error detected: "
	for _, row := range []struct{ name, form, want string }{
		{"what is required", "UserName=a", ""},
		{"what is not known is ignored", "UserName=a&Other=b", ""},
		{"nothing", "", one + "Value null at 'userName' failed to satisfy constraint: Member must not be null"},
		{"an empty text", "UserName=", one + "Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"a long text", "UserName=" + strings.Repeat("a", 65), one + "Value '" + strings.Repeat("a", 65) + "' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"characters, not bytes, are counted", "UserName=a&Description=" + strings.Repeat("é", 1000), ""},
		{"a pattern that IAM has a sentence for", "UserName=a:b", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"a pattern it has none for", "UserName=a&Description=%01", one + "Value '\x01' at 'description' failed to satisfy constraint: Member must satisfy regular expression pattern: " + `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`},
		{"a line end behind a name", "UserName=a%0A", "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"a path without end", "UserName=a&Path=/a", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."},
		{"a number below", "UserName=a&MaxItems=0", one + "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"a number above", "UserName=a&MaxItems=1001", one + "Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"no number", "UserName=a&MaxItems=x", "The value of maxItems is not a whole number."},
		{"no boolean", "UserName=a&Force=1", "The value of force is not true or false."},
		{"no such value", "UserName=a&Status=on", one + "Value 'on' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]"},
		{"a secret is not quoted", "UserName=a&TokenCode=12345", one + "Value '***' at 'tokenCode' failed to satisfy constraint: Member must have length greater than or equal to 6"},
		{"two violations", "Status=on", "2 validation errors detected: Value null at 'userName' failed to satisfy constraint: Member must not be null; Value 'on' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]"},
		{"a list", "UserName=a&Names.member.1=b&Names.member.2=c", ""},
		{"an empty list", "UserName=a&Names=", ""},
		{"a member of a list", "UserName=a&Names.member.1=", one + "Value '' at 'names.1.member' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"a list with a gap", "UserName=a&Names.member.1=b&Names.member.3=c", "The value of names is not a list whose members are numbered from 1."},
		{"a list with no number", "UserName=a&Names.member.x=b", "The value of names is not a list whose members are numbered from 1."},
		{"a list with a number in another spelling", "UserName=a&Names.member.01=b", "The value of names is not a list whose members are numbered from 1."},
		{"structs", "UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=", ""},
		{"a member of a struct", "UserName=a&Tags.member.1.Key=k", one + "Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
	} {
		t.Run(row.name, func(t *testing.T) {
			form, err := url.ParseQuery(row.form)
			if err != nil {
				t.Fatal(err)
			}
			_, err = newRow().row.Decode(form)
			got := ""
			if f, ok := errors.AsType[*fault.Error](err); ok {
				got = f.Text
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestDecodedValues(t *testing.T) {
	form, _ := url.ParseQuery("UserName=a&Description=&MaxItems=7&Force=true&TokenCode=123456&Names.member.2=c&Names.member.1=b&Tags.member.1.Key=k&Tags.member.1.Value=v")
	k := newRow()
	req, err := k.row.Decode(form)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := req.Run(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if k.UserName != "a" || k.Description == nil || *k.Description != "" || k.MaxItems != 7 || !k.Force || strings.Join(k.Names, " ") != "b c" || len(k.Tags) != 1 || k.Tags[0] != (tag{"k", "v"}) {
		t.Errorf("got %+v", k.in)
	}
	rec := audit.Record{Request: req.Audit()}
	const want = `"requestParameters":{"userName":"a","description":"","maxItems":7,"force":true,"names":["b","c"],"tags":[{"key":"k","value":"v"}]}`
	if got := string(rec.Encode()); !strings.Contains(got, want) || strings.Contains(got, "123456") {
		t.Errorf("got %s, want %s", got, want)
	}
}

func service(rows ...query.Row) *query.Service {
	return query.New(query.Service{Signing: "it", Version: "2020-02-02", Namespace: "urn:it", Failure: "Broken", Table: rows})
}

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

func TestRead(t *testing.T) {
	s := service(newRow().row)
	for _, row := range []struct {
		name, body string
		want       fault.Code
	}{
		{"an operation", "Action=DoIt&Version=2020-02-02", ""},
		{"of another version", "Action=DoIt&Version=2020-02-03", fault.InvalidAction},
		{"another operation", "Action=Do&Version=2020-02-02", fault.InvalidAction},
		{"none", "Version=2020-02-02", fault.InvalidAction},
		{"two", "Action=DoIt&Action=DoIt&Version=2020-02-02", fault.InvalidAction},
		{"one parameter twice", "Action=DoIt&Version=2020-02-02&A=1&A=2", fault.MalformedInput},
		{"no form", "Action=%zz", fault.MalformedInput},
		{"no text", "Action=DoIt&Version=2020-02-02&A=%ff", fault.MalformedInput},
		{"parameters without end", "Action=DoIt&Version=2020-02-02" + strings.Repeat("&", 1000), fault.MalformedInput},
		{"a body without end", "Action=DoIt&Version=2020-02-02&A=" + strings.Repeat("a", 1<<20), fault.RequestTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := query.Read(httptest.NewRecorder(), post(row.body), []*query.Service{s})
			var got fault.Code
			if f, ok := errors.AsType[*fault.Error](err); ok {
				got = f.Code
			}
			if got != row.want || got == "" && m.Operation() != "DoIt" {
				t.Errorf("got %v %q, want %q", err, m.Operation(), row.want)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	s := service(newRow().row)
	m, err := query.Read(httptest.NewRecorder(), post("Action=DoIt&Version=2020-02-02&UserName=%3Ca%3E"), []*query.Service{s})
	if err != nil {
		t.Fatal(err)
	}
	send := func(f func(http.ResponseWriter)) (int, string) {
		w := httptest.NewRecorder()
		f(w)
		return w.Code, w.Body.String()
	}
	result := &out{Name: "<a>", When: query.At(1e12)}
	for _, row := range []struct {
		name   string
		send   func(http.ResponseWriter)
		status int
		want   string
	}{
		{"a result", func(w http.ResponseWriter) { query.Answer(w, "id", m, result) }, 200,
			`<DoItResponse xmlns="urn:it"><DoItResult><Name>&lt;a&gt;</Name><When>2001-09-09T01:46:40Z</When><Names></Names></DoItResult>` +
				`<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoItResponse>`},
		{"no result", func(w http.ResponseWriter) { query.Answer(w, "id", m, nil) }, 200,
			`<DoItResponse xmlns="urn:it"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoItResponse>`},
		{"a refusal", func(w http.ResponseWriter) {
			query.Refuse(w, "id", m, nil, fault.New(fault.NoSuchEntity, "The user with name a cannot be found."))
		}, 404,
			`<ErrorResponse xmlns="urn:it"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name a cannot be found.</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
		{"a failure", func(w http.ResponseWriter) { query.Refuse(w, "id", m, nil, errors.New("disk 7 on fire")) }, 500,
			`<ErrorResponse xmlns="urn:it"><Error><Type>Receiver</Type><Code>Broken</Code><Message>The request processing has failed because of an unknown error, exception or failure.</Message></Error><RequestId>id</RequestId></ErrorResponse>`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if status, body := send(row.send); status != row.status || body != row.want {
				t.Errorf("got %d %s, want %d %s", status, body, row.status, row.want)
			}
		})
	}
}

// Whatever a client sends is decoded or refused.
func FuzzDecode(f *testing.F) {
	f.Add("Action=DoIt&Version=2020-02-02&UserName=a&Names.member.1=b&Tags.member.1.Key=k&Tags.member.1.Value=v")
	f.Add("Action=DoIt&Version=2020-02-02&UserName=a&Names.member.99999999=b&Tags.member.-1.Key=k")
	f.Add("Action=DoIt&Version=2020-02-02&UserName=%00&MaxItems=99999999999999999999&Force=TRUE")
	s := service(newRow().row)
	f.Fuzz(func(t *testing.T, body string) {
		m, err := query.Read(httptest.NewRecorder(), post(body), []*query.Service{s})
		if err != nil {
			return
		}
		req, err := m.Row.Decode(m.Form)
		if _, refused := errors.AsType[*fault.Error](err); err != nil && !refused {
			t.Errorf("got %v, want a refusal", err)
		}
		rec := audit.Record{Request: req.Audit()}
		rec.Encode()
	})
}
