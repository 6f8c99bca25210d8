package soft

import (
	"context"

	"qkms/internal/custody"
	"qkms/internal/store"
)

// Copy implements custody.Copier. The record is taken from one place of the shelf and sealed for the
// other as it is: it names key and material, which the Regions of a key share, and no Region.
func (s *Soft) Copy(ctx context.Context, from custody.Ref, region string) (store.Put, error) {
	body, err := s.shelf.TakeMaterial(ctx, from)
	if err != nil {
		return store.Put{}, err
	}
	defer clear(body)
	to := from
	to.Region = region
	return s.shelf.PutMaterial(to, body), nil
}
