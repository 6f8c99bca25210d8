package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var deleteCustomKeyStore = &Op[shape.DeleteCustomKeyStoreRequest, shape.DeleteCustomKeyStoreResponse]{
	Name: "DeleteCustomKeyStore",
	Needs: func(*shape.DeleteCustomKeyStoreRequest) ([]key.Need, error) {
		return anything("kms:DeleteCustomKeyStore"), nil
	},
	Says: func(c *Call, _ *shape.DeleteCustomKeyStoreRequest, name string) []string {
		return c.callerAccount(name)
	},
	Run: func(ctx context.Context, c *Call, in *shape.DeleteCustomKeyStoreRequest) (*shape.DeleteCustomKeyStoreResponse, *record.Change, error) {
		s, err := c.keyStore(ctx, in.CustomKeyStoreId)
		switch {
		case err != nil:
			return nil, nil, err
		case s.State != storeDisconnected:
			return nil, nil, fault.KeyStoreInState(s.Id, s.State, "DeleteCustomKeyStore")
		case s.Keys > 0: // those that wait for their deletion included
			return nil, nil, fault.KeyStoreNotEmpty(s.Id, int(s.Keys))
		}
		c.Additional = s.told()
		change := c.Book.Change()
		change.Remove(s.at(), s.ver) // a key made in it meanwhile changed its version: then not
		change.Discard(s.names())
		return &shape.DeleteCustomKeyStoreResponse{}, change, nil
	},
	Audit: func(in *shape.DeleteCustomKeyStoreRequest) audit.Detail { return keyStoreDetail(in.CustomKeyStoreId) },
}
