package main

import (
	"context"
	"crypto/fips140"
	"database/sql"
	"fmt"
	"runtime"
	"runtime/debug"
)

// revision is the commit, set by the linker where a build does not see the history (deploy/Containerfile).
var revision string

// version is `qkms version`: what a report of a fault begins with.
func version(ctx context.Context, c *command) error {
	line(c.out, "qkms %s", build())
	line(c.out, "%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	module := "not in use"
	if fips140.Enabled() {
		module = "in use, " + fips140.Version()
	}
	line(c.out, "FIPS 140-3 module: %s", module)
	engine, err := sqliteVersion(ctx)
	if err != nil {
		return err
	}
	line(c.out, "SQLite %s", engine)
	return nil
}

// build is the version of the module, with the commit where the version does not say it.
func build() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	v := info.Main.Version
	if revision != "" {
		return "(devel) " + revision
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = fmt.Sprintf("(devel) %.12s", s.Value)
		}
	}
	return v
}

func sqliteVersion(ctx context.Context) (v string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v)
	return v, err
}
