package scale_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
)

// A served is a node that answers without a network: what is measured is the server.
type served struct {
	node *node.Node
	root *kmstest.Client
}

// open opens the node of a directory, over the store of d, with so many bytes of memory for it; 0: the default.
func (d *deployment) open(dir string, cached int64) (*served, error) {
	clock := kmstest.NewClock() // stands still: a signature is good for as long as a benchmark takes
	n, err := node.Open(context.Background(), node.Config{
		Dir: dir, Store: d.Store, Unseal: []seal.Source{seal.KeyFile(filepath.Join(d.Dir, "root.key"))}, Now: clock.Now,
		CacheBytes: cached, Quota: op.Quota{Keys: 1 << 30}, AuditSpool: 1 << 40, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	id, secret, change := n.AccessKeys.New(kmstest.Account, "scale", clock.Now())
	if err := n.Book.Commit(context.Background(), change, "", nil); err != nil {
		return nil, err
	}
	at := &kmstest.Server{URL: "http://localhost", Clock: clock}
	return &served{n, &kmstest.Client{Server: at, AccessKeyID: id, Secret: secret, Region: kmstest.Region}}, nil
}

func serve(b *testing.B, d *deployment) *served {
	b.Helper()
	s, err := d.open(d.Dir, 0)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *served) close() {
	if err := s.node.Close(); err != nil {
		panic(err) // a benchmark over a store that does not close says nothing
	}
}

// do sends a request that may have been sent before, which SigV4 allows within its five minutes.
func (s *served) do(signed *http.Request, body []byte) []byte {
	r := signed.Clone(context.Background())
	r.Host, r.RequestURI = signed.URL.Host, "/"
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	w := httptest.NewRecorder()
	s.node.Server.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		panic(fmt.Sprintf("%s: %s", body, w.Body)) // likewise
	}
	return w.Body.Bytes()
}

func (s *served) as(c *kmstest.Client, operation, body string) func() {
	signed := c.Request(operation, []byte(body))
	return func() { s.do(signed, []byte(body)) }
}

func (s *served) again(operation, body string) func() { return s.as(s.root, operation, body) }

func dataKeyOf(id string) string { return fmt.Sprintf(`{"KeyId":%q,"KeySpec":"AES_256"}`, id) }

func (s *served) dataKey(id string) func() { return s.again("GenerateDataKey", dataKeyOf(id)) }

// byGrant is a data key for a user who has nothing but grants on the key.
func (s *served) byGrant(d *deployment) func() {
	return s.as(s.user(d), "GenerateDataKey", dataKeyOf(d.granted))
}

// user is a client of d.user.
func (s *served) user(d *deployment) *kmstest.Client {
	id, secret, _ := s.node.AccessKeys.New(kmstest.Account, "", s.node.Now())
	change := s.node.Book.Change()
	change.Insert(record.OfAccessKey(id), &recordpb.AccessKey{Id: id, Account: kmstest.Account, Secret: []byte(secret), User: d.user.Name, UserId: d.user.Id})
	if err := s.node.Book.Commit(context.Background(), change, "", nil); err != nil {
		panic(err)
	}
	c := *s.root
	c.AccessKeyID, c.Secret = id, secret
	return &c
}

// begins are those keys besides the first on which d.user has a grant.
func (d *deployment) begins() (ids []string) {
	for i := dealtTo; i < len(d.ids); i += dealtTo {
		ids = append(ids, d.ids[i])
	}
	return ids
}

// grantOf is a new grant, of no name, for d.user.
func (d *deployment) grantOf(id string) string {
	return fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":"arn:aws:iam::%s:user/%s","Operations":["GenerateDataKey","Decrypt"]}`, id, kmstest.Account, d.user.Name)
}

func grantsOf(id string) string { return fmt.Sprintf(`{"KeyId":%q,"Limit":100}`, id) }

// cold is a request about one key after the other, with nothing in memory.
func (s *served) cold(c *kmstest.Client, operation string, body func(id string) string, ids []string) func() {
	memory := record.Memory{Book: s.node.Book, Materials: s.node.Custody}
	next := 0
	return func() {
		if err := memory.DropAll(context.Background()); err != nil {
			panic(err)
		}
		next = (next + 7919) % len(ids)
		s.as(c, operation, body(ids[next]))()
	}
}

// page is one page of a list, behind so many entries.
func (s *served) page(operation, members string, behind int) func() {
	marker := ""
	for behind > 0 {
		n := min(behind, map[string]int{"ListKeys": 1000, "ListGrants": 100}[operation])
		marker = s.next(operation, members, n, marker)
		behind -= n
	}
	return s.again(operation, pageOf(members, 100, marker))
}

func pageOf(members string, limit int, marker string) string {
	if marker != "" {
		members += fmt.Sprintf(`"Marker":%q,`, marker)
	}
	return fmt.Sprintf(`{%s"Limit":%d}`, members, limit)
}

// next is the marker of the page that follows.
func (s *served) next(operation, members string, limit int, marker string) string {
	body := []byte(pageOf(members, limit, marker))
	var out struct{ NextMarker string }
	if err := json.Unmarshal(s.do(s.root.Request(operation, body), body), &out); err != nil || out.NextMarker == "" {
		panic(fmt.Sprint("a list that ends too early: ", err))
	}
	return out.NextMarker
}

func (s *served) keys(behind int) func() { return s.page("ListKeys", "", behind) }

func (s *served) grants(d *deployment, behind int) func() {
	return s.page("ListGrants", fmt.Sprintf(`"KeyId":%q,`, d.granted), behind)
}

// use opens a store and makes data keys under some of its keys.
func use(dir, store string) (p process, err error) {
	begin := time.Now()
	s, err := (&deployment{Options: kmstest.Options{Dir: dir, Store: store}}).open(dir, 0)
	if err != nil {
		return p, err
	}
	defer s.close()
	p.Open = time.Since(begin)
	if p.Opened, err = resident(os.Getpid()); err != nil {
		return p, err
	}
	for left, marker := usedKeys, ""; left > 0; left -= 1000 {
		body := []byte(pageOf("", 1000, marker))
		var out struct {
			Keys       []struct{ KeyId string }
			NextMarker string
		}
		if err := json.Unmarshal(s.do(s.root.Request("ListKeys", body), body), &out); err != nil {
			return p, err
		}
		for _, k := range out.Keys {
			s.dataKey(k.KeyId)()
		}
		if err := s.node.LastUses.Flush(context.Background()); err != nil { // as Start would
			return p, err
		}
		if marker = out.NextMarker; marker == "" {
			break
		}
	}
	p.Warm, err = resident(os.Getpid())
	return p, err
}

// resident is how much memory of a process is resident, in bytes.
func resident(process int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", process))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
