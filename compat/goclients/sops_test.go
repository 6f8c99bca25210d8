package goclients_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/getsops/sops/v3/kms"
)

// SOPS keeps the data key of a file encrypted in the file, and opens it with nothing else than that.
func TestSOPS(t *testing.T) {
	s := start(t)
	k := newKey(t, s, awskms.CreateKeyInput{})
	dataKey := make([]byte, 32)
	_, _ = rand.Read(dataKey)
	context := map[string]*string{"Role": aws.String("reader")}
	master := kms.NewMasterKey(*k.Arn, "", context)
	if err := master.Encrypt(dataKey); err != nil {
		t.Fatal(err)
	}
	again := kms.NewMasterKey(*k.Arn, "", context) // as read from the file
	again.SetEncryptedDataKey(master.EncryptedDataKey())
	opened, err := again.Decrypt()
	if err != nil || !bytes.Equal(opened, dataKey) {
		t.Errorf("got %x, %v; want %x", opened, err, dataKey)
	}
	other := kms.NewMasterKey(*k.Arn, "", map[string]*string{"Role": aws.String("writer")})
	other.SetEncryptedDataKey(master.EncryptedDataKey())
	if opened, err := other.Decrypt(); err == nil {
		t.Errorf("in another context: got %x, want a failure", opened)
	}
	if e, d := served(t, s, "Encrypt"), served(t, s, "Decrypt"); e != 1 || d != 1 {
		t.Errorf("got %d Encrypt and %d Decrypt in the audit log, want one of each", e, d)
	}
}
