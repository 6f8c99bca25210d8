package key

import (
	"strings"

	"qkms/internal/fault"
)

const (
	aliasPrefix    = "alias/"
	reservedPrefix = "alias/aws/" // of the service's own aliases
)

// CheckAliasName reports why name cannot be created, changed or deleted: it lacks the prefix, holds
// what the model's pattern lets through and the service does not, or is reserved (operations.md §12.4).
func CheckAliasName(name string) error {
	rest, ok := strings.CutPrefix(name, aliasPrefix)
	switch {
	case !ok:
		return fault.AliasPrefix()
	case rest == "" || strings.Contains(rest, ":"):
		return fault.AliasCharacters(name)
	case strings.HasPrefix(name, reservedPrefix):
		return fault.AliasReserved()
	}
	return nil
}
