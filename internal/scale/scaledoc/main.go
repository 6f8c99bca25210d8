// Command scaledoc writes docs/scale.md from the model of package scale, so that the page cannot say what the
// model does not.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"

	"qkms/internal/scale"
)

//go:embed page.md
var page string

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scaledoc FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "scaledoc:", err)
		os.Exit(1)
	}
}

func write(file string) error {
	tables := template.FuncMap{
		"costs": costs, "idle": idle, "changes": changes, "requests": requests, "limits": limits, "herd": herd, "hints": hints, "crashes": crashes, "cells": cells,
		"processors": func() int { return scale.Processors },
		"trip":       func() time.Duration { return scale.Trip },
		"sync":       func() time.Duration { return scale.Sync },
		"hot":        func() time.Duration { return scale.HotCommit },
		"hotRate":    func() string { return number(1 / (scale.HotCommit + scale.Trip + scale.Sync).Seconds()) },
	}
	t, err := template.New("page.md").Funcs(tables).Parse(page)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, nil); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// A table is one of Markdown; its first row is the head.
type table [][]string

func (t *table) row(cells ...any) {
	var r []string
	for _, c := range cells {
		switch c := c.(type) {
		case float64:
			r = append(r, number(c))
		case time.Duration:
			r = append(r, span(c))
		case int:
			r = append(r, thousands(c))
		default:
			r = append(r, fmt.Sprint(c))
		}
	}
	*t = append(*t, r)
}

func (t table) String() string {
	var b strings.Builder
	for i, r := range t {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(r)) + "|\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// number is x to two digits.
func number(x float64) string {
	if x < 10 && x > 0 {
		return fmt.Sprintf("%.1f", x)
	}
	unit := 1.0
	for x/unit >= 100 {
		unit *= 10
	}
	return thousands(int(x/unit+0.5) * int(unit))
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func span(d time.Duration) string {
	if d >= 10*time.Second || d > 0 && d%time.Second == 0 {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

func percent(x float64) string {
	if x < 0.1 {
		return fmt.Sprintf("%.1f %%", 100*x)
	}
	return fmt.Sprintf("%.0f %%", 100*x)
}
