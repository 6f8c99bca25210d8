package console_test

import (
	"net/http"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

func watched(t *testing.T) *kmstest.Server {
	return kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Operators: []string{kmstest.Account}})
}

func (p *page) wantNot(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.text, text) {
			p.t.Errorf("%s: got %q in: %s", p.res.Request.URL, text, p.text)
		}
	}
}

func TestAuditPage(t *testing.T) {
	s := watched(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", map[string]any{"Description": `<script>alert(1)</script>`}).String("KeyMetadata.KeyId")
	root.Call("DescribeKey", map[string]any{"KeyId": "alias/<b>none"})
	b := signedIn(t, root)

	b.get("/console/audit").want(http.StatusOK, "CreateKey", "NotFoundException", `data-refresh="5"`, `id="pause"`)
	b.get("/console/audit").wantNot("LookupEvents", "<b>none")
	b.get("/console/audit?reads=shown").want(http.StatusOK, "LookupEvents")
	p := b.get("/console/audit?error=any&key=" + k)
	p.want(http.StatusOK, "No record is like that", `name="key" value="`+k+`"`)
	b.get("/console/audit?since=yesterday").want(http.StatusBadRequest, "ValidationException", `value="yesterday"`)
	b.get("/console/audit?marker=x").want(http.StatusBadRequest, "Invalid Marker")
	b.get("/console/audit?since=2001-01-02T03:04&until=2001-01-02T03:05").want(http.StatusOK, "No record is like that", `value="2001-01-02T03:04:00"`)

	p = b.get("/console/audit/0")
	p.want(http.StatusOK, "CreateKey", "&#34;eventID&#34;", "No checkpoint covers this record yet")
	p.wantNot("<script>alert")
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	b.get("/console/audit/0").want(http.StatusOK, "/console/audit/0/proof")
	p = b.get("/console/audit/0/proof")
	p.want(http.StatusOK, "qkms audit inclusion v1\nindex 0\nrecord {\"seq\":0,")
	if got := p.res.Header.Get("Content-Disposition"); got != `attachment; filename="audit-record-0.proof"` {
		t.Errorf("the proof: got Content-Disposition %q", got)
	}
	b.get("/console/audit/x").want(http.StatusBadRequest, "sequence")
	b.get("/console/audit/x/proof").want(http.StatusNotFound)
	b.get("/console/audit/99").want(http.StatusNotFound, "no record 99 of this account")
}

// Pages go on from each other, and the newest alone is kept up to date.
func TestAuditPages(t *testing.T) {
	s := watched(t)
	root := s.As(kmstest.Account)
	for range 60 {
		root.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	}
	b := signedIn(t, root)
	p := b.get("/console/audit?event=GenerateRandom")
	p.want(http.StatusOK, "Older records")
	_, rest, _ := strings.Cut(p.text, `<a class="button" href="`)
	_, rest, _ = strings.Cut(rest, `<a class="button" href="`) // the first is of the form
	older, _, _ := strings.Cut(rest, `"`)
	p = b.get(strings.ReplaceAll(older, "&amp;", "&"))
	p.want(http.StatusOK, "This is where the log begins", `value="GenerateRandom"`)
	p.wantNot("data-refresh")
	if n := strings.Count(p.text, "<tr>\n<td>"); n != 10 {
		t.Errorf("records of the second page: got %d, want 10", n)
	}
}

func TestAuditPageOfOthers(t *testing.T) {
	s := watched(t)
	s.As(kmstest.Account).Must("CreateKey", `{}`)
	stranger := signedIn(t, s.As("444455556666"))
	stranger.get("/console/audit").wantNot("CreateKey")
	stranger.get("/console/audit/0").want(http.StatusNotFound, "no record 0 of this account")
	stranger.get("/console/audit/0/proof").want(http.StatusNotFound)
	stranger.get("/console/audit/log").want(http.StatusForbidden, "--operator-account 444455556666")
	if p := stranger.post("/console/audit/verify"); p.res.StatusCode != http.StatusForbidden {
		t.Errorf("verify: got %d, want 403", p.res.StatusCode)
	}
	reader := signedIn(t, s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`))
	reader.get("/console/audit").want(http.StatusForbidden, "qkms:LookupEvents")
}

func TestAuditLogPage(t *testing.T) {
	s := watched(t)
	b := signedIn(t, s.As(kmstest.Account))
	b.get("/console/audit/log").want(http.StatusOK, "Not verified since this node started", s.Audit.VerifierKey()[:20], "none yet")
	if res, err := b.http.PostForm(s.URL+"/console/audit/verify", nil); err != nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("without the token of the session: got %v, %v", res, err)
	}
	b.get("/console/audit/log").want(http.StatusOK, "Not verified since this node started")
	if err := s.Audit.Sign(); err != nil {
		t.Fatal(err)
	}
	b.post("/console/audit/verify").want(http.StatusOK, "The log was verified.", "as signed", "1 checkpoints signed")
}
