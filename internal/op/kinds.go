package op

import (
	"slices"

	"qkms/internal/wire/shape"
)

// A Kind is a combination of spec and usage that a key can have.
type Kind struct {
	Spec    shape.KeySpec
	Usage   shape.KeyUsageType
	Imports bool // its material may be imported
	Rotates bool // by itself, unless its material is imported
}

// Kinds are all there are, by usage and then by spec, each in model order.
func Kinds() (all []Kind) {
	for _, usage := range shape.KeyUsageType("").Values() {
		for _, spec := range shape.KeySpec("").Values() {
			if slices.Contains(usages[spec], usage) {
				all = append(all, Kind{spec, usage, specForOrigin(spec, shape.OriginTypeExternal) == nil, spec == shape.KeySpecSymmetricDefault})
			}
		}
	}
	return all
}
