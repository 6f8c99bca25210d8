package engine

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"qkms/internal/key"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
	"qkms/internal/store/sqlite"
	"qkms/internal/wire/shape"
)

// Fill makes symmetric keys in account and region until the deployment in dir, which nobody serves, has n more: by what
// serves CreateKey, with nothing synced until the end.
func Fill(dir, account, region string, n int) (err error) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, node.Database(dir), sqlite.Options{LoseOnPowerCut: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	state, err := record.ReadState(ctx, db)
	if err != nil {
		return err
	}
	ring, err := seal.Open(ctx, state, seal.KeyFile(filepath.Join(dir, "root.key")))
	if err != nil {
		return err
	}
	book := record.Open(db, ring, 0)
	deps := &op.Deps{Book: book, Maker: node.Materials(book), Quota: op.Quota{Keys: n + 1_000_000}}
	for range n {
		change, err := op.Fresh(ctx, deps, &recordpb.Key{
			Account: account, Region: region, Id: key.NewID(false), Created: time.Now().UnixMilli(), State: key.Enabled,
			Spec: string(shape.KeySpecSymmetricDefault), Usage: string(shape.KeyUsageTypeEncryptDecrypt), Origin: string(shape.OriginTypeAwsKms),
		}, nil)
		if err == nil {
			err = book.Commit(ctx, change, "", nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
