package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/op"
	"qkms/internal/wire/shape"
)

// A keyForm is what was chosen for a new key, to be corrected.
type keyForm struct {
	Purpose     purpose
	Spec        string
	Origin      string
	MultiRegion bool
	Description string
	Alias       string
	Tags        string // a line each: name=value

	Rotates bool
	Days    string

	Named              bool // users and roles are named; else the policies of the account decide
	Administrators     []string
	Users              []string
	MoreAdministrators string // ARNs, a line each
	MoreUsers          string
}

// newKeyForm is one in which nothing was chosen but the purpose.
func newKeyForm(usage string) keyForm {
	p := purposeOf(usage)
	return keyForm{Purpose: p, Spec: string(p.Default), Origin: string(shape.OriginTypeAwsKms)}
}

func readKeyForm(f url.Values) keyForm {
	get := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	return keyForm{
		Purpose: purposeOf(get("for")), Spec: get("spec"), Origin: get("origin"), MultiRegion: get("multi-region") != "",
		Description: get("description"), Alias: get("alias"), Tags: get("tags"),
		Rotates: get("rotates") != "", Days: get("days"),
		Named: get("access") == "named", Administrators: f["administers"], Users: f["uses"],
		MoreAdministrators: get("administers-more"), MoreUsers: get("uses-more"),
	}
}

// Administers and Uses report what is chosen of somebody.
func (f keyForm) Administers(arn string) bool { return slices.Contains(f.Administrators, arn) }
func (f keyForm) Uses(arn string) bool        { return slices.Contains(f.Users, arn) }

// A planned request is one that will be sent, as it will be sent.
type planned struct {
	Operation string
	Body      any
	Done      string // what to say when it was done
	Not       string // and when it was not
}

type newKey struct {
	Description string `json:",omitempty"`
	KeySpec     string
	KeyUsage    shape.KeyUsageType
	Origin      string
	MultiRegion bool     `json:",omitempty"`
	Tags        []keyTag `json:",omitempty"`
	Policy      string   `json:",omitempty"`
}

type keyTag struct{ TagKey, TagValue string }

type newAlias struct{ AliasName, TargetKeyId string }

type newKeyRotation struct {
	KeyId                string
	RotationPeriodInDays int `json:",omitempty"`
}

// yet stands for an id in what is shown before there is one.
const yet = "(KeyId that CreateKey answers)"

// plan is the requests that make the key, the first being CreateKey; the others are about the key with this id. What can
// be refused by looking at them is, so that no key is made for the sake of an alias that cannot be.
func (f keyForm) plan(root, id string) (all []planned, err error) {
	k := newKey{Description: f.Description, KeySpec: f.Spec, KeyUsage: f.Purpose.Usage, Origin: f.Origin, MultiRegion: f.MultiRegion}
	if k.Tags, err = tagLines(f.Tags); err != nil {
		return nil, err
	}
	if f.Named {
		administrators, users := append(lines(f.MoreAdministrators), f.Administrators...), append(lines(f.MoreUsers), f.Users...)
		if k.Policy, err = policyFor(root, f.Purpose, f.Spec, administrators, users); err != nil {
			return nil, err
		}
	}
	all = append(all, planned{Operation: "CreateKey", Body: k})
	if f.Rotates {
		r := newKeyRotation{KeyId: id}
		if r.RotationPeriodInDays, err = f.days(); err != nil {
			return nil, err
		}
		all = append(all, planned{"EnableKeyRotation", r, "It rotates by itself.", "Automatic rotation is not on"})
	}
	if f.Alias != "" {
		name := "alias/" + strings.TrimPrefix(f.Alias, "alias/")
		all = append(all, planned{"CreateAlias", newAlias{name, id}, "It has the alias " + name + ".", "The alias " + name + " was not made"})
	}
	for _, p := range all {
		if err := p.check(); err != nil {
			return all, err
		}
	}
	return all, nil
}

// check refuses what the operation refuses from the request alone.
func (p planned) check() error {
	body, err := json.Marshal(p.Body)
	if err != nil {
		return err
	}
	req, err := op.ByName[p.Operation].Decode(body)
	if err == nil {
		_, err = req.Needs()
	}
	if f, refused := errors.AsType[*fault.Error](err); refused {
		return &Refusal{Status: http.StatusBadRequest, Code: string(f.Code), Message: f.Text}
	}
	return err
}

func wrong(format string, args ...any) error {
	return &Refusal{Status: http.StatusBadRequest, Code: "NotSent", Message: fmt.Sprintf(format, args...)}
}

// days is the rotation period; 0: the service's own.
func (f keyForm) days() (int, error) {
	for _, k := range op.Kinds() {
		if string(k.Spec) == f.Spec && !k.Rotates || f.Origin != string(shape.OriginTypeAwsKms) {
			return 0, wrong("Automatic rotation is for symmetric keys whose material the service makes. Nothing was sent; choose another key spec or leave rotation off.")
		}
	}
	if f.Days == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(f.Days)
	if err != nil || n < 90 || n > 2560 {
		return 0, wrong("A rotation period is a number of days from 90 to 2560, not %q.", f.Days)
	}
	return n, nil
}

// tagLines reads tags, one a line; the first = ends the name.
func tagLines(text string) (tags []keyTag, err error) {
	for _, line := range lines(text) {
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, wrong("A tag is written name=value, which %q is not.", line)
		}
		tags = append(tags, keyTag{name, strings.TrimSpace(value)})
	}
	return tags, nil
}

// lines are those that have something in them.
func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
