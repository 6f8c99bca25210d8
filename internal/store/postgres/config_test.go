package postgres_test

import (
	"strings"
	"testing"

	"qkms/internal/store/postgres"
)

func TestPasswordIsNotTold(t *testing.T) {
	const password = "hunter2hunter2"
	for name, url := range map[string]string{
		"nobody there":    "postgres://u:" + password + "@127.0.0.1:1/db",
		"beyond loopback": "postgres://u:" + password + "@192.0.2.1:1/db?connect_timeout=1&sslmode=disable",
		"bad port":        "postgres://u:" + password + "@127.0.0.1:port/db",
		"bad escape":      "postgres://u:" + password + "%zz@127.0.0.1/db",
		"bad setting":     "postgres://u:" + password + "@127.0.0.1/db?sslmode=maybe",
		"in the query":    "postgres://u@127.0.0.1:1/db?password=" + password,
		"not ours":        "mysql://u:" + password + "@127.0.0.1/db",
	} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got error %v, want one without the password", name, err)
		}
		if !postgres.HasPassword(url) {
			t.Errorf("%s: the password is not noticed", name)
		}
	}
	for _, url := range []string{"postgres://u@h/db", "postgres:///db?host=/run/postgresql", "postgres://u@h1:1,h2:2/db?sslmode=verify-full"} {
		if postgres.HasPassword(url) {
			t.Errorf("%s: a password where there is none", url)
		}
	}
}

func TestTLSIsRequiredBeyondLoopback(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	for url, want := range map[string]string{
		"postgres://u@db.example/x":                     "verify-full",
		"postgres://u@127.0.0.1,db.example/x":           "verify-full",
		"postgres:///x?host=db.example":                 "verify-full",
		"postgres://u@db.example/x?sslmode=require":     "require",
		"postgres://u@192.0.2.1:5432,192.0.2.2:5432/x":  "verify-full",
		"postgres://u@[::1]:5432/x":                     "",
		"postgres:///x?host=/run/postgresql":            "",
		"postgres://u@127.0.0.1:5432/x?sslmode=disable": "disable",
	} {
		if got := postgres.SSLMode(url); got != want {
			t.Errorf("%s: got sslmode %q, want %q", url, got, want)
		}
	}
}
