package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"qkms/internal/store"
	"qkms/internal/store/postgres"
	"qkms/internal/store/storetest"
)

const aboutStoreTest = `
    qkms doctor --store-test postgres://qkms@db.example.com/scratch

holds a database that speaks PostgreSQL's language, such as CockroachDB or YugabyteDB, to all that QKMS relies on,
case by case. The database must have nothing in it, and its user the right to make schemas: each case has one
of its own, which is dropped after it. Name the database itself and no pooler. Nothing else is looked at then, and
no store is opened. What survives a failover is not tested: that takes a failover.`

// A tested is the report on one case.
type tested struct {
	Case     string   `json:"case"`
	Failures []string `json:"failures,omitempty"` // empty: passed
	Seconds  float64  `json:"seconds"`
}

// testStore is `qkms doctor --store-test`.
func testStore(ctx context.Context, c *command) error {
	if err := storeArgument("--store-test", c.StoreTest, ""); err != nil {
		return err
	}
	cases := chosen(c.StoreTestCases)
	if len(cases) == 0 {
		return misused("--store-test-cases %s: no case begins so", c.StoreTestCases)
	}
	scratch, err := postgres.OpenScratch(ctx, c.StoreTest)
	if err != nil {
		return fmt.Errorf("--store-test: %w", err)
	}
	defer scratch.Close()
	if !c.JSON {
		line(c.out, "%s", scratch.Version)
	}
	reports, err := c.testCases(ctx, scratch, cases)
	if c.JSON && err == nil {
		err = c.printJSON(struct {
			Database string   `json:"database"`
			Cases    []tested `json:"cases"`
		}{scratch.Version, reports})
	}
	return errors.Join(err, c.summary(reports))
}

// chosen are the cases whose names begin with a prefix.
func chosen(prefix string) (cases []storetest.Case) {
	for _, one := range storetest.Cases() {
		if strings.HasPrefix(one.Name, prefix) {
			cases = append(cases, one)
		}
	}
	return cases
}

// testCases runs the cases, one after the other, until one cannot be run.
func (c *command) testCases(ctx context.Context, scratch *postgres.Scratch, cases []storetest.Case) (reports []tested, err error) {
	show, hide := c.step()
	defer hide()
	for i, one := range cases {
		show(fmt.Sprintf("%d of %d: %s", i+1, len(cases), one.Name))
		report, err := tryOne(ctx, scratch, one)
		if err != nil {
			return reports, fmt.Errorf("--store-test: %w", err)
		}
		reports = append(reports, report)
		if !c.JSON {
			hide()
			c.printTested(report)
		}
	}
	return reports, nil
}

// tryOne runs one case in a schema of its own. An error is of the test, and not of what is tested.
func tryOne(ctx context.Context, scratch *postgres.Scratch, one storetest.Case) (tested, error) {
	at, drop, err := scratch.New(ctx)
	if err != nil {
		return tested{}, err
	}
	begin := time.Now()
	failures := one.Try(ctx, func(ctx context.Context, now func() time.Time) (store.Engine, error) {
		db, err := postgres.Open(ctx, at, postgres.Options{Now: now, Make: true})
		if err != nil {
			return nil, err // not a nil *DB that is an Engine
		}
		return db, nil
	})
	report := tested{one.Name, failures, time.Since(begin).Seconds()}
	return report, errors.Join(drop(), ctx.Err()) // interrupted, a case fails for that alone
}

func (c *command) printTested(r tested) {
	verdict := "ok"
	if len(r.Failures) > 0 {
		verdict = "FAILED"
	}
	line(c.out, "%-7s %-45s %6.1fs", verdict, r.Case, r.Seconds)
	for _, f := range r.Failures[:min(len(r.Failures), 5)] { // one cause may fail a case hundreds of times
		line(c.out, "          %s", f)
	}
}

// summary is the last word, an error if a case failed.
func (c *command) summary(reports []tested) error {
	failed := 0
	for _, r := range reports {
		if len(r.Failures) > 0 {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed: QKMS would lose or mix up changes on this database, do not use it", failed, len(reports))
	}
	if !c.JSON && len(reports) > 0 {
		line(c.out, "All %d cases passed.", len(reports))
	}
	return nil
}

// step returns what shows one line of progress on a terminal in the place of the one before, and what takes
// it away. Elsewhere they do nothing.
func (c *command) step() (show func(string), hide func()) {
	if f, ok := c.err.(*os.File); !ok || !isTerminal(f) {
		return func(string) {}, func() {}
	}
	hide = func() { fmt.Fprint(c.err, clearLine) }
	return func(text string) { fmt.Fprint(c.err, clearLine+text) }, hide
}
