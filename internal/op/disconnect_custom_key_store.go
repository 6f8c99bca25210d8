package op

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/wire/shape"
)

var disconnectCustomKeyStore = &Op[shape.DisconnectCustomKeyStoreRequest, shape.DisconnectCustomKeyStoreResponse]{
	Name:      "DisconnectCustomKeyStore",
	Restricts: true,
	Needs: func(*shape.DisconnectCustomKeyStoreRequest) ([]key.Need, error) {
		return anything("kms:DisconnectCustomKeyStore"), nil
	},
	Says: func(c *Call, _ *shape.DisconnectCustomKeyStoreRequest, name string) []string {
		return c.callerAccount(name)
	},
	Run: func(ctx context.Context, c *Call, in *shape.DisconnectCustomKeyStoreRequest) (*shape.DisconnectCustomKeyStoreResponse, *record.Change, error) {
		s, err := c.keyStore(ctx, in.CustomKeyStoreId)
		switch {
		case err != nil:
			return nil, nil, err
		case s.State == storeDisconnected || s.State == storeDisconnecting:
			return nil, nil, fault.KeyStoreInState(s.Id, s.State, "DisconnectCustomKeyStore")
		}
		c.Additional = s.told()
		next := s.edit()
		next.State, next.Error = storeDisconnected, ""
		change := c.Book.Change()
		change.Replace(s.at(), s.ver, next.whole())
		return &shape.DisconnectCustomKeyStoreResponse{}, change, nil
	},
	Audit: func(in *shape.DisconnectCustomKeyStoreRequest) audit.Detail {
		return keyStoreDetail(in.CustomKeyStoreId)
	},
}
