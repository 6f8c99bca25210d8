package server_test

import (
	"fmt"
	"testing"

	"qkms/internal/kmstest"
)

// A server that was restarted with fewer Regions does not let the primary go where nobody can bring it back from.
func TestPrimaryStaysWhereItIsServed(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"MultiRegion":true}`).String("KeyMetadata.KeyId")
	root.Must("ReplicateKey", fmt.Sprintf(`{"KeyId":"%s","ReplicaRegion":"eu-west-1"}`, id))
	move := fmt.Sprintf(`{"KeyId":"%s","PrimaryRegion":"eu-west-1"}`, id)

	s.RestartServing(kmstest.Region)
	refused(t, root.Call("UpdatePrimaryRegion", move), "ValidationException",
		"Region eu-west-1 is not a valid Region or multi-Region keys are not supported in Region eu-west-1.")
	s.RestartServing(kmstest.Region, "eu-west-1")
	root.Must("UpdatePrimaryRegion", move)
}
