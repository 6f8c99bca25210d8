package soft

import (
	"bytes"
	"testing"
)

func TestBER(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 300)
	for _, tt := range []struct {
		name     string
		in, want []byte // want nil: refused
	}{
		{"DER stays as it is", []byte("\x30\x06\x02\x01\x05\x04\x01\xff"), []byte("\x30\x06\x02\x01\x05\x04\x01\xff")},
		{"indefinite length", []byte("\x30\x80\x02\x01\x05\x00\x00"), []byte("\x30\x03\x02\x01\x05")},
		{"indefinite within indefinite", []byte("\x30\x80\x30\x80\x05\x00\x00\x00\x00\x00"), []byte("\x30\x04\x30\x02\x05\x00")},
		{"long length of little", []byte("\x04\x84\x00\x00\x00\x01\x07"), []byte("\x04\x01\x07")},
		{"octets in pieces", []byte("\x24\x80\x04\x01\x01\x04\x02\x02\x03\x00\x00"), []byte("\x04\x03\x01\x02\x03")},
		{"octets in pieces of pieces", []byte("\x24\x08\x24\x03\x04\x01\x01\x04\x01\x02"), []byte("\x04\x02\x01\x02")},
		{"octets in no pieces", []byte("\x24\x00"), []byte("\x04\x00")},
		{"more than 255 bytes", append([]byte("\x04\x83\x00\x01\x2c"), long...), append([]byte("\x04\x82\x01\x2c"), long...)},
		{"octets that are an integer", []byte("\x24\x03\x02\x01\x05"), nil},
		{"indefinite and primitive", []byte("\x04\x80\x07\x00\x00"), nil},
		{"no end of contents", []byte("\x30\x80\x02\x01\x05"), nil},
		{"half an end of contents", []byte("\x30\x80\x02\x01\x05\x00"), nil},
		{"longer than there is", []byte("\x04\x02\x07"), nil},
		{"longer than its parent", []byte("\x30\x03\x04\x02\x07\x07"), nil},
		{"length of five bytes", []byte("\x04\x85\x00\x00\x00\x00\x01\x07"), nil},
		{"length that is cut", []byte("\x04\x82\x01"), nil},
		{"reserved length", []byte("\x04\xff\x07"), nil},
		{"high tag", []byte("\x1f\x01\x00"), nil},
		{"two values", []byte("\x05\x00\x05\x00"), nil},
		{"a tag alone", []byte("\x30"), nil},
		{"nothing", nil, nil},
		{"deep", bytes.Repeat([]byte{0x30, 0x80}, 1<<16), nil},
	} {
		got, err := toDER(tt.in)
		if (err == nil) != (tt.want != nil) || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got %x, %v, want %x", tt.name, got, err, tt.want)
		}
	}
}

// FuzzToDER: what comes out is DER, so it stays as it is, and is no longer than what went in.
func FuzzToDER(f *testing.F) {
	f.Add([]byte("\x30\x80\x24\x80\x04\x01\x01\x04\x02\x02\x03\x00\x00\x02\x01\x05\x00\x00"))
	f.Add([]byte("\x30\x06\x02\x01\x05\x04\x01\xff"))
	f.Add([]byte("\xa0\x84\x00\x00\x00\x02\x05\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		out, err := toDER(in)
		if err != nil {
			return
		}
		if again, err := toDER(out); err != nil || !bytes.Equal(again, out) {
			t.Errorf("got %x, %v, want %x as it is", again, err, out)
		}
		if len(out) > len(in)+6 {
			t.Errorf("got %d bytes of %d", len(out), len(in))
		}
	})
}
