package roster_test

import (
	"testing"

	"qkms/internal/kmstest"
)

func seedIdentities(t *testing.T, s *kmstest.Server, text string) { apply(t, s, text, false) }
