package coherence_test

import (
	"testing"
	"time"

	"qkms/internal/coherence"
)

func TestInfoIsReadBack(t *testing.T) {
	for _, want := range []coherence.Info{
		{},
		{Host: "kms-1.example.com", Version: "v1.2.3", Bound: 45 * time.Second},
		{Host: "a \"host\"\nof two lines", Bound: 2500 * time.Millisecond},
	} {
		if got, err := coherence.ParseInfo(want.String()); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", want, got, err, want)
		}
	}
}

func TestInfoOfOtherVersions(t *testing.T) {
	got, err := coherence.ParseInfo(`{"host":"a","bound":"5s","zone":"z1"}`)
	if want := (coherence.Info{Host: "a", Bound: 5 * time.Second}); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for name, text := range map[string]string{
		"nothing": ``, "words": `host a`, "a bound that is no time": `{"bound":"45"}`, "a bound below zero": `{"bound":"-45s"}`, "a bound of zero": `{"bound":"0s"}`,
	} {
		if got, err := coherence.ParseInfo(text); err == nil {
			t.Errorf("%s: got %v, want an error", name, got)
		}
	}
}
