package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

func TestChartsPage(t *testing.T) {
	s := watched(t)
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	b.get("/console/charts").want(http.StatusOK, "There is nothing to draw yet", "10 seconds after the start")
	signedIn(t, s.As("444455556666")).get("/console/charts").want(http.StatusForbidden, "--operator-account 444455556666")
	for range 30 {
		root.Must("GenerateRandom", `{"NumberOfBytes":1}`)
		root.Call("DescribeKey", `{"KeyId":"alias/none"}`)
		s.Clock.Advance(10 * time.Second)
		s.Sampler.Sample()
	}
	p := b.get("/console/charts")
	p.want(http.StatusOK, "Requests", "Time to answer", `<polyline class="line c"`, `aria-labelledby="latency-title latency-desc"`, "greatest value is 0.", `hours=24`)
	p.wantNot("style=", "NaN", "Inf")
	if n := strings.Count(p.text, "<tr><th scope=\"row\">"); n != 30 {
		t.Errorf("rows: got %d, want 30", n)
	}
	if n := strings.Count(b.get("/console/charts?hours=24").text, "<tr><th scope=\"row\">"); n != 1 {
		t.Errorf("rows of 5 minutes each: got %d, want 1", n)
	}
	s.Clock.Advance(20 * time.Minute) // nobody watched: a gap
	s.Sampler.Sample()
	if n := strings.Count(b.get("/console/charts").text, `<polyline class="line a"`); n != 6 {
		t.Errorf("runs of lines a: got %d, want two for each chart", n)
	}
	b.get("/console/charts?hours=4711").want(http.StatusOK, "over the last 1 hour")
}
