package console_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
)

func TestClusterPage(t *testing.T) {
	s := watched(t)
	b := signedIn(t, s.As(kmstest.Account))
	b.get("/console/cluster").want(http.StatusOK, "No backup is known to have been made here", "works", "Version 1 of", "--audit-sink")
	signedIn(t, s.As("444455556666")).get("/console/cluster").want(http.StatusForbidden, "--operator-account 444455556666")

	h := &admin.Host{Node: s.Node}
	path := filepath.Join(t.TempDir(), "<b>one.backup")
	made, err := admin.Backup.Perform(t.Context(), h, admin.Self(), admin.BackupTo{File: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(5 * time.Minute)
	p := b.get("/console/cluster")
	p.want(http.StatusOK, "Last verified 5 minutes ago", "&lt;b&gt;one.backup", "last 1 made by this node")
	p.wantNot("<b>one")
	if _, err := admin.NoteProof.Perform(t.Context(), h, admin.Self(), admin.BackupProved{SHA256: made.SHA256}, nil); err != nil {
		t.Fatal(err)
	}
	b.get("/console/cluster").want(http.StatusOK, "Last verified 0s ago")
	s.Clock.Advance(8 * 24 * time.Hour)
	signedIn(t, s.As(kmstest.Account)).get("/console/cluster").want(http.StatusOK, "Last verified 8 days ago", "Make backups regularly")
}
