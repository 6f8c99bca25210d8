package clients_test

import (
	"html"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"qkms/compat/harness"
	"qkms/internal/reference/referencetest"
)

// A page is one of the API reference, as it was served.
type page string

func open(t *testing.T, s *harness.Server, operation string) page {
	t.Helper()
	res, err := http.Get(s.URL + "/docs/" + operation)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("/docs/%s: got %d, %v", operation, res.StatusCode, err)
	}
	return page(text)
}

// A shown is an example as a page shows it.
type shown struct {
	Title           string
	Sent, Curl, CLI string
	Status          int
	Got             string
}

var place = regexp.MustCompile(`(?s)<(pre|h3) id="(example-\d+(?:-\w+)?)"[^>]*>(.*?)</(?:pre|h3)>`)

// examples are all there are on the page.
func (p page) examples(t *testing.T) (all []shown) {
	t.Helper()
	texts := map[string]string{}
	for _, m := range place.FindAllStringSubmatch(string(p), -1) {
		texts[m[2]] = html.UnescapeString(m[3])
	}
	for id := "example-1"; texts[id] != ""; id = "example-" + strconv.Itoa(len(all)+1) {
		_, sent, _ := strings.Cut(texts[id+"-request"], "\n\n")
		head, got, _ := strings.Cut(texts[id+"-response"], "\n\n")
		status, err := strconv.Atoi(strings.Fields(head)[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, shown{texts[id], sent, texts[id+"-curl"], texts[id+"-cli"], status, got})
	}
	return all
}

var row = regexp.MustCompile(`(?s)<tr id="response-([\w-]+)">.*?</td>\n<td>(?:Yes|No)</td>\n<td>([^<]*)</td>\n</tr>`)

// varying are the members of the answer, by their paths, that are another one each time: the page says of which type each is.
func (p page) varying() map[string]bool {
	found := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(string(p), -1) {
		path := strings.ReplaceAll(m[1], "-", ".")
		name := path[strings.LastIndexByte(path, '.')+1:]
		found[path] = strings.HasPrefix(m[2], "base64") || strings.HasPrefix(m[2], "timestamp") || referencetest.IsToken(name)
	}
	return found
}
