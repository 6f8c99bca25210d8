package record

import (
	"reflect"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"qkms/internal/footprint"
	"qkms/internal/record/recordpb"
)

// Sized is what knows how many bytes of memory it takes, with all that nothing else refers to.
type Sized interface{ MemorySize() int64 }

// MemorySize implements Sized.
func (k Key) MemorySize() int64 { return footprint.Room(len(k.enc)) }

// sizeOf is how many bytes v takes that was made of a record of so many bytes.
func sizeOf(v any, plain int) int64 {
	switch v := v.(type) {
	case Sized:
		return v.MemorySize()
	case proto.Message:
		return MessageSize(v)
	case []string:
		n := footprint.Room(16*len(v)) + sliceHeader
		for _, s := range v {
			n += footprint.Room(len(s))
		}
		return n
	case []*recordpb.Grant:
		n := footprint.Room(8*len(v)) + sliceHeader
		for _, g := range v {
			n += MessageSize(g)
		}
		return n
	}
	return footprint.Room(8 * plain) // more than any yet
}

const sliceHeader = 32 // in an interface, where it has an object of its own

// MessageSize is how many bytes of memory m takes.
func MessageSize(m proto.Message) int64 {
	r := m.ProtoReflect()
	n := footprint.Room(int(reflect.TypeOf(m).Elem().Size())) + footprint.Room(len(r.GetUnknown()))
	r.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		n += fieldSize(f, v)
		return true
	})
	return n
}

// fieldSize is what a field takes besides its place in the struct.
func fieldSize(f protoreflect.FieldDescriptor, v protoreflect.Value) (n int64) {
	switch {
	case f.IsList():
		for i := range v.List().Len() {
			n += valueSize(f.Kind(), v.List().Get(i))
		}
		return n + footprint.Room(v.List().Len()*slot(f.Kind())*5/4) // as append has grown it
	case f.IsMap():
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			n += footprint.Room(len(k.String())) + valueSize(f.MapValue().Kind(), v)
			return true
		})
		return n + MapSize(v.Map().Len(), 16+slot(f.MapValue().Kind()))
	}
	return valueSize(f.Kind(), v)
}

// valueSize is what a value refers to.
func valueSize(kind protoreflect.Kind, v protoreflect.Value) int64 {
	switch kind {
	case protoreflect.StringKind:
		return footprint.Room(len(v.String()))
	case protoreflect.BytesKind:
		return footprint.Room(len(v.Bytes()))
	case protoreflect.MessageKind:
		return MessageSize(v.Message().Interface())
	}
	return 0
}

// slot is how many bytes a value has in a list.
func slot(kind protoreflect.Kind) int {
	switch kind {
	case protoreflect.StringKind:
		return 16
	case protoreflect.BytesKind:
		return 24
	}
	return 8
}

// MapSize is what a map of Go takes for n entries of so many bytes, without what they refer to: groups of eight, at most seven eighths full.
func MapSize(n, entry int) int64 {
	if n <= 8 {
		return 48 + footprint.Room(8+8*entry)
	}
	return 48 + footprint.Room(n*(entry+1)*3/2)
}
