package oversight_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/oversight"
)

const other = "444455556666"

func with(t *testing.T) *kmstest.Server {
	return kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Operators: []string{kmstest.Account}})
}

// ask decodes the answer of an operation that must succeed.
func ask[Out any](t *testing.T, c *kmstest.Client, action string, parameters ...string) (out Out) {
	t.Helper()
	r := c.Query("qkms", action, parameters...)
	if err := json.Unmarshal(r.Raw, &out); r.Status != 200 || err != nil {
		t.Fatalf("%s %q: got %d %s, %v", action, parameters, r.Status, r.Raw, err)
	}
	return out
}

// wantRefusal fails the test unless an operation is refused, and says so.
func wantRefusal(t *testing.T, c *kmstest.Client, action, code, says string, parameters ...string) {
	t.Helper()
	var e struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	r := c.Query("qkms", action, parameters...)
	if _ = json.Unmarshal(r.Raw, &e); r.Status == 200 || e.Type != code || !strings.Contains(e.Message, says) {
		t.Errorf("%s %q: got %d %s, want %s %q", action, parameters, r.Status, r.Raw, code, says)
	}
}

func namesOf(found oversight.EventsFound) string {
	var names []string
	for _, e := range found.Events {
		names = append(names, e.EventName)
	}
	return strings.Join(names, " ")
}

func TestLookupEvents(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	s.Clock.Advance(3 * time.Hour)
	day := s.Clock.Now().UTC().Format(time.RFC3339)
	root.Must("DescribeKey", map[string]any{"KeyId": k})
	root.Call("DescribeKey", map[string]any{"KeyId": "alias/none"})
	id := ask[oversight.EventsFound](t, root, "LookupEvents", "Event", "CreateKey").Events[0].EventId
	for name, row := range map[string]struct {
		parameters []string
		want       string
	}{
		"all, newest first":      {nil, "LookupEvents DescribeKey DescribeKey CreateKey"},
		"without its own":        {[]string{"HideConsoleReads", "true"}, "DescribeKey DescribeKey CreateKey"},
		"by name":                {[]string{"Event", "CreateKey"}, "CreateKey"},
		"by id":                  {[]string{"Event", id}, "CreateKey"},
		"by key":                 {[]string{"Key", k, "HideConsoleReads", "true"}, "DescribeKey CreateKey"},
		"by principal":           {[]string{"Principal", "nobody"}, ""},
		"by failure":             {[]string{"Error", "any"}, "DescribeKey"},
		"by exception":           {[]string{"Error", "NotFoundException"}, "DescribeKey"},
		"since":                  {[]string{"Since", day, "HideConsoleReads", "true"}, "DescribeKey DescribeKey"},
		"until":                  {[]string{"Until", day}, "CreateKey"},
		"of a name with a quote": {[]string{"Event", `"CreateKey"`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask[oversight.EventsFound](t, root, "LookupEvents", row.parameters...)
			if all := strings.ReplaceAll(namesOf(got), "LookupEvents ", ""); all != strings.ReplaceAll(row.want, "LookupEvents ", "") {
				t.Errorf("got %q, want %q", all, row.want)
			}
			if got.Marker != "" || !strings.HasPrefix(got.Log, "qkms.audit/") {
				t.Errorf("marker %q of log %q, want none: all was looked at", got.Marker, got.Log)
			}
		})
	}
}

// Pages follow each other without a gap, and what is new is had by its number.
func TestLookupEventsPages(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	for i := range 25 {
		root.Must("GenerateRandom", map[string]any{"NumberOfBytes": i + 1})
	}
	var numbers []uint64
	parameters := []string{"HideConsoleReads", "true", "MaxItems", "10"}
	page := ask[oversight.EventsFound](t, root, "LookupEvents", parameters...)
	newest := page.Newest
	for pages := 0; ; pages++ {
		for _, e := range page.Events {
			numbers = append(numbers, e.Sequence)
		}
		if page.Marker == "" || pages > 5 {
			break
		}
		page = ask[oversight.EventsFound](t, root, "LookupEvents", append(parameters, "Marker", page.Marker)...)
	}
	if got, want := fmt.Sprint(numbers), fmt.Sprint(countdown(25)); got != want {
		t.Errorf("records: got %s, want %s", got, want)
	}
	root.Must("DescribeKey", map[string]any{"KeyId": k})
	next := ask[oversight.EventsFound](t, root, "LookupEvents", "HideConsoleReads", "true", "From", strconv.FormatUint(newest+1, 10))
	if namesOf(next) != "DescribeKey" || next.Newest <= newest {
		t.Errorf("what is new: got %q up to %d", namesOf(next), next.Newest)
	}
	wantRefusal(t, root, "LookupEvents", "ValidationException", "Invalid Marker", "Marker", "made up")
	first := ask[oversight.EventsFound](t, root, "LookupEvents", "MaxItems", "1")
	wantRefusal(t, root, "LookupEvents", "ValidationException", "Invalid Marker", "Marker", first.Marker, "Error", "any")
	wantRefusal(t, s.As(other), "LookupEvents", "ValidationException", "Invalid Marker", "Marker", first.Marker)
}

func countdown(from uint64) (all []uint64) {
	for n := int(from); n >= 0; n-- {
		all = append(all, uint64(n))
	}
	return all
}

// An account sees its own records: what it did, and what others did with its keys as it may know that.
func TestLookupEventsOfAnAccount(t *testing.T) {
	s := with(t)
	root, stranger := s.As(kmstest.Account), s.As(other)
	k := root.Must("CreateKey", map[string]any{"Policy": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"kms:Encrypt","Resource":"*"}]}`}).String("KeyMetadata.Arn")
	stranger.Must("Encrypt", map[string]any{"KeyId": k, "Plaintext": "aGk=", "EncryptionContext": map[string]string{"recipientAccountId": kmstest.Account}})
	stranger.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	mine := ask[oversight.EventsFound](t, root, "LookupEvents", "Error", "")
	if got, want := namesOf(mine), "Encrypt CreateKey"; got != want {
		t.Fatalf("of the owner: got %q, want %q", got, want)
	}
	if e := mine.Events[0]; strings.Contains(e.Record, stranger.AccessKeyID) || e.Principal == "" {
		t.Errorf("the owner's copy: got %q by %q", e.Record, e.Principal)
	}
	if got, want := namesOf(ask[oversight.EventsFound](t, stranger, "LookupEvents")), "GenerateRandom Encrypt"; got != want {
		t.Errorf("of the caller: got %q, want %q", got, want)
	}
	reader := s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	wantRefusal(t, reader, "LookupEvents", "AccessDeniedException", "qkms:LookupEvents")
}
