package tree_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"qkms/internal/custody/materialpb"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal/sealpb"
)

var addFields = flag.Bool("add-fields", false, "add new fields of stored messages to testdata/fields.txt")

const fieldsFile = "testdata/fields.txt"

// What is stored was written by versions that we cannot change any more, and is read by some that are not made yet. A
// field is what it once was: its number is never given to another one, nor its type changed. (It may be marked as
// unused in its comment; it stays.) A name is not on the wire, but another name under the same number is how a number is
// given away.
func TestFieldsOnlyGrow(t *testing.T) {
	text, err := os.ReadFile(fieldsFile)
	if err != nil {
		t.Fatal(err)
	}
	known, now := strings.Split(strings.TrimSpace(string(text)), "\n"), storedFields()
	for _, field := range known {
		if !slices.Contains(now, field) {
			t.Errorf("%q was stored by former versions, and is no more: fields are added, never changed or removed", field)
		}
	}
	if t.Failed() || slices.Equal(known, now) {
		return
	}
	if !*addFields {
		t.Fatal("there are new fields: go test ./internal/tree -run TestFieldsOnlyGrow -add-fields, and commit what it writes")
	}
	if err := os.WriteFile(fieldsFile, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// storedFields are the fields of all messages that are stored, or handed out sealed.
func storedFields() (lines []string) {
	for _, file := range []protoreflect.FileDescriptor{materialpb.File_internal_custody_materialpb_material_proto, recordpb.File_internal_record_recordpb_record_proto, sealpb.File_internal_seal_sealpb_state_proto} {
		for i := range file.Messages().Len() {
			lines = append(lines, fieldsOf(file.Messages().Get(i))...)
		}
	}
	return lines
}

func fieldsOf(m protoreflect.MessageDescriptor) (lines []string) {
	lines = append(lines, string(m.FullName()))
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		kind := f.Kind().String()
		if f.Message() != nil {
			kind = string(f.Message().FullName())
		}
		if f.IsMap() {
			kind = fmt.Sprintf("map of %s to %s", f.MapKey().Kind(), f.MapValue().Kind())
		}
		lines = append(lines, fmt.Sprintf("%s %d %s %s %s", m.FullName(), f.Number(), f.Name(), f.Cardinality(), kind))
	}
	return lines
}
