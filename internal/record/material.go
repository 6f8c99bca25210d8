package record

import (
	"context"
	"fmt"

	"qkms/internal/custody"
	"qkms/internal/store"
)

// A Book is where custody rests its materials (soft.Shelf). It never decodes them: what it hands out
// is the body of a record, which only custody knows how to read.

// TakeMaterial returns the unsealed body of a material's record, owned by the caller, who wipes it.
func (b *Book) TakeMaterial(ctx context.Context, ref custody.Ref) ([]byte, error) {
	body, ver, err := b.Take(ctx, OfMaterial(ref.Account, ref.Region, ref.KeyID, ref.MaterialID))
	if err == nil && ver == 0 {
		err = fmt.Errorf("%w: %s of key %s", custody.ErrNoMaterial, ref.MaterialID, ref.KeyID)
	}
	return body, err
}

// PutMaterial returns the first version of a material's record.
func (b *Book) PutMaterial(ref custody.Ref, body []byte) store.Put {
	return b.put(b.Ring(), OfMaterial(ref.Account, ref.Region, ref.KeyID, ref.MaterialID), 1, body)
}
