package key_test

import (
	"errors"
	"strings"
	"testing"

	"qkms/internal/fault"
	"qkms/internal/key"
)

const (
	account = "111122223333"
	region  = "us-east-1"
	id      = "1234abcd-12ab-34cd-56ef-1234567890ab"
	mrk     = "mrk-1234abcd12ab34cd56ef1234567890ab"
)

var naming = key.Naming{Partition: "aws", Style: key.StyleAWS}

func TestReferencesThatAreUnderstood(t *testing.T) {
	own := key.Reference{Account: account, Region: region}
	key1, multi, alias := own, own, own
	key1.ID, multi.ID, alias.Alias = id, mrk, "alias/a"
	foreign := key.Reference{Account: "444455556666", Region: region, ID: id}
	for input, want := range map[string]key.Reference{
		id:                  key1,
		strings.ToUpper(id): key1, // a UUID in upper case is well-formed
		mrk:                 multi,
		"alias/a":           alias,
		"arn:aws:kms:us-east-1:111122223333:key/" + id:  key1,
		"arn:aws:kms:us-east-1:111122223333:key/" + mrk: multi,
		"arn:aws:kms:us-east-1:111122223333:alias/a":    alias,
		"arn:verenc:111122223333:key/" + id:             key1,
		"arn:verenc:111122223333:alias/a":               alias,
		"arn:aws:kms:us-east-1:444455556666:key/" + id:  foreign,
		"arn:verenc:444455556666:key/" + id:             foreign,
	} {
		got, err := naming.ParseReference(input, account, region, key.AnyForm)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", input, got, err, want)
		}
	}
}

func TestReferencesThatAreNot(t *testing.T) {
	for _, row := range []struct {
		name, input string
		forms       key.Forms
		code        fault.Code
		text        string
	}{
		{"alias where only keys are taken", "alias/a", key.KeyOnly, fault.InvalidArn, "Key Aliases are not supported for this operation."},
		{"alias ARN where only keys are taken, of any Region", "arn:aws:kms:eu-west-1:111122223333:alias/a", key.KeyOnly, fault.InvalidArn, "Key Aliases are not supported for this operation."},
		{"another Region", "arn:aws:kms:eu-west-1:111122223333:key/" + id, key.AnyForm, fault.NotFound, "Invalid arn eu-west-1"},
		{"another Region wins over a bad id", "arn:aws:kms:eu-west-1:111122223333:key/x", key.AnyForm, fault.NotFound, "Invalid arn eu-west-1"},
		{"another service", "arn:aws:s3:us-east-1:111122223333:key/" + id, key.AnyForm, fault.InvalidArn, "Invalid arn arn:aws:s3:us-east-1:111122223333:key/" + id},
		{"another partition", "arn:aws-cn:kms:us-east-1:111122223333:key/" + id, key.AnyForm, fault.InvalidArn, "Invalid arn arn:aws-cn:kms:us-east-1:111122223333:key/" + id},
		{"too few fields", "arn:aws:kms", key.AnyForm, fault.InvalidArn, "Invalid arn arn:aws:kms"},
		{"no account", "arn:aws:kms:us-east-1::key/" + id, key.AnyForm, fault.InvalidArn, "Invalid arn arn:aws:kms:us-east-1::key/" + id},
		{"account in letters", "arn:verenc:11112222333x:key/" + id, key.AnyForm, fault.InvalidArn, "Invalid arn arn:verenc:11112222333x:key/" + id},
		{"neither key nor alias", "arn:aws:kms:us-east-1:111122223333:grant/" + id, key.AnyForm, fault.InvalidArn, "Invalid arn arn:aws:kms:us-east-1:111122223333:grant/" + id},
		{"key ARN with a bad id", "arn:aws:kms:us-east-1:111122223333:key/alias/x", key.AnyForm, fault.NotFound, "Invalid keyId alias/x"},
		{"garbage", "fake-key-id", key.AnyForm, fault.NotFound, "Invalid keyId 'fake-key-id'"},
		{"UUID without dashes", strings.ReplaceAll(id, "-", ""), key.AnyForm, fault.NotFound, "Invalid keyId '1234abcd12ab34cd56ef1234567890ab'"},
		{"mrk in upper case", "mrk-1234ABCD12ab34cd56ef1234567890ab", key.AnyForm, fault.NotFound, "Invalid keyId 'mrk-1234ABCD12ab34cd56ef1234567890ab'"},
		{"UUID with a tail", id + "0", key.AnyForm, fault.NotFound, "Invalid keyId '" + id + "0'"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := naming.ParseReference(row.input, account, region, row.forms)
			got, is := errors.AsType[*fault.Error](err)
			if !is || got.Code != row.code || got.Text != row.text {
				t.Errorf("got %v, want %s: %s", err, row.code, row.text)
			}
		})
	}
}

// Whatever is understood can be printed in either style and is understood the same again.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{
		id, mrk, "alias/a", "arn:aws:kms:us-east-1:111122223333:key/" + id, "arn:verenc:111122223333:alias/a",
		"arn:", "arn:verenc:", "arn:aws:kms:us-east-1:111122223333:alias/", "arn:aws:kms:us-east-1:111122223333:key/\x00", "alias/\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		ref, err := naming.ParseReference(input, account, region, key.AnyForm)
		if err != nil {
			if _, is := errors.AsType[*fault.Error](err); !is {
				t.Fatalf("%q: got %v, which is no fault", input, err)
			}
			return
		}
		if ref.Region != region || !key.IsAccount(ref.Account) || (ref.ID == "") == (ref.Alias == "") {
			t.Fatalf("%q: got %+v", input, ref)
		}
		for _, style := range []key.Style{key.StyleAWS, key.StyleVerenc} {
			n := key.Naming{Partition: "aws", Style: style}
			arn := n.Key(ref.Account, ref.Region, ref.ID)
			if ref.Alias != "" {
				arn = n.Alias(ref.Account, ref.Region, ref.Alias)
			}
			if again, err := naming.ParseReference(arn, account, region, key.AnyForm); err != nil || again != ref {
				t.Fatalf("%q as %q: got %+v, %v, want %+v", input, arn, again, err, ref)
			}
		}
	})
}

func TestRegionNames(t *testing.T) {
	for name, want := range map[string]bool{
		"us-east-1": true, "ap-southeast-10": true, "us-gov-west-1": true, "": false, "us-east": false, "US-east-1": false,
		"us-east-1-2": false, "us--1": false, "us-east-x": false, "../etc-a-1": false, "a-b-c-d-1": false,
	} {
		if got := key.IsRegion(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
