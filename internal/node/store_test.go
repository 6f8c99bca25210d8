package node_test

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/seal"
	"qkms/internal/store/postgres/pgtest"
)

// A node whose store was taken over answers nothing any more, what is in its memory least of all.
func TestReplacedNodeAnswersNothing(t *testing.T) {
	url, root := pgtest.URL(t), filepath.Join(t.TempDir(), "root.key")
	if err := seal.NewKeyFile(root); err != nil {
		t.Fatal(err)
	}
	config := func() node.Config {
		return node.Config{Dir: t.TempDir(), Store: url, Unseal: []seal.Source{seal.KeyFile(root)}, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	}
	if err := node.Init(t.Context(), config(), seal.KeyFile(root)); err != nil {
		t.Fatal(err)
	}
	first, err := node.Open(t.Context(), config())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(first.Server)
	defer server.Close()
	c := &kmstest.Client{Server: &kmstest.Server{URL: server.URL, Clock: kmstest.NewClock()}, Region: kmstest.Region}
	id, secret, change := first.AccessKeys.New(kmstest.Account, "test", first.Now())
	if err := first.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	c.AccessKeyID, c.Secret = id, secret
	key := ask(t, c, "CreateKey", `{}`).String("KeyMetadata.KeyId")
	generate := `{"KeyId":"` + key + `","KeySpec":"AES_256"}`
	if code := ask(t, c, "GenerateDataKey", generate).Code(); code != "" {
		t.Fatalf("GenerateDataKey: got %s", code)
	}

	pgtest.Do(t, url, `UPDATE job SET until = 0 WHERE name = 'store'`) // as if it had been silent for long
	second, err := node.Open(t.Context(), config())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	for _, request := range [][2]string{{"CreateKey", `{}`}, {"GenerateDataKey", generate}, {"DescribeKey", `{"KeyId":"` + key + `"}`}} {
		if code := ask(t, c, request[0], request[1]).Code(); code != "DependencyTimeoutException" {
			t.Errorf("%s of the node that was replaced: got %q, want DependencyTimeoutException", request[0], code)
		}
	}
	_ = first.Close() // what it had to keep it cannot
}

func ask(t *testing.T, c *kmstest.Client, operation, body string) *kmstest.Reply {
	t.Helper()
	reply, err := c.Do(c.Request(operation, []byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	return reply
}
