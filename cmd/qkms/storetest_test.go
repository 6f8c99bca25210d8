package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"qkms/internal/store/postgres/pgtest"
	"qkms/internal/store/storetest"
)

// doctored is what `qkms doctor --store-test` prints of the cases that begin so, and its error, which is exit code 1.
func doctored(t *testing.T, database, cases string, flags ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	args := append([]string{"doctor", "--store-test", withoutPassword(t, database), "--store-test-cases", cases}, flags...)
	err := run(t.Context(), args, func(string) string { return "" }, stdio{nil, &out, &out})
	return out.String(), err
}

// withoutPassword is the URL as it may be on a command line; the password is in the environment.
func withoutPassword(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	t.Setenv("PGPASSWORD", password)
	u.User = url.User(u.User.Username())
	return u.String()
}

func TestDoctorHoldsADatabaseToTheContract(t *testing.T) {
	database := pgtest.URL(t)
	out, err := doctored(t, database, "")
	if err != nil {
		t.Errorf("got error %v", err)
	}
	t.Log(out)
	for _, want := range []string{"PostgreSQL 1", "\nok      Log/NoGapUnder32Writers ", "\nok      List/CostsAsThePage ", fmt.Sprintf("\nAll %d cases passed.\n", len(storetest.Cases()))} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
	if out, err := doctored(t, database, "Get/"); err != nil || strings.Count(out, "\nok ") != len(chosen("Get/")) {
		t.Errorf("again, with what the first left: got %v\n%s", err, out)
	}
}

// In this database no row of job is ever changed: a claim does not pass on when it has expired.
func TestDoctorNamesWhatADatabaseFails(t *testing.T) {
	database := pgtest.URL(t)
	pgtest.Do(t, database, `
		CREATE FUNCTION deaf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE FUNCTION deafen() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
			IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%.job') THEN
				CREATE TRIGGER deaf BEFORE UPDATE ON job FOR EACH ROW EXECUTE FUNCTION public.deaf();
			END IF;
		END $$;
		CREATE EVENT TRIGGER deafen ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION deafen()`)
	out, err := doctored(t, database, "Claim/")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("3 of %d cases failed", len(chosen("Claim/")))) {
		t.Errorf("got error %v, want one that counts", err)
	}
	for _, want := range []string{
		"\nok      Claim/OneWinnerAmongMany ", "\nFAILED  Claim/OneHolderUntilItExpires ",
		"\nFAILED  Claim/TokensGrowAcrossReopening ", "\nFAILED  Claim/FenceCommitsUntilTakenOver ", "\n          Claim: got {",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
	out, err = doctored(t, database, "Claim/One", "--json")
	if err == nil {
		t.Error("--json: got no error")
	}
	var report struct {
		Database string
		Cases    []tested
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	i := slices.IndexFunc(report.Cases, func(r tested) bool { return r.Case == "Claim/OneHolderUntilItExpires" })
	if !strings.HasPrefix(report.Database, "PostgreSQL") || i < 0 || len(report.Cases[i].Failures) == 0 {
		t.Errorf("got %+v, want the failure", report)
	}
}

// Interrupted, the test leaves nothing behind: the next one is not refused.
func TestDoctorCleansUpWhenInterrupted(t *testing.T) {
	database := pgtest.URL(t)
	ctx, interrupt := context.WithCancel(t.Context())
	first := writerFunc(func(line []byte) (int, error) {
		if bytes.HasPrefix(line, []byte("ok")) {
			interrupt()
		}
		return len(line), nil
	})
	err := run(ctx, []string{"doctor", "--store-test", withoutPassword(t, database)}, func(string) string { return "" }, stdio{nil, first, io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that it was interrupted", err)
	}
	if out, err := doctored(t, database, "Get/NoKeys"); err != nil {
		t.Errorf("the next one: got %v\n%s", err, out)
	}
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func TestDoctorTestsNothingButAnEmptyDatabase(t *testing.T) {
	database := pgtest.URL(t)
	pgtest.Do(t, database, `CREATE TABLE invoices (id int)`)
	if out, err := doctored(t, database, ""); err == nil || !strings.Contains(err.Error(), "it has a table, public.invoices") || strings.Contains(out, "ok") {
		t.Errorf("got error %v\n%s", err, out)
	}
	pgtest.Do(t, database, `DROP TABLE invoices`)
	if out, err := doctored(t, database, "Nobody/"); err == nil || !strings.Contains(err.Error(), "no case begins so") {
		t.Errorf("got error %v\n%s", err, out)
	}
	for _, arg := range []string{"mysql://127.0.0.1/x", "postgres://u:hunter2@127.0.0.1/x"} {
		err := run(t.Context(), []string{"doctor", "--store-test", arg}, func(string) string { return "" }, stdio{})
		if err == nil || !strings.Contains(err.Error(), "--store-test") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got error %v, want one about the flag", arg, err)
		}
	}
}
