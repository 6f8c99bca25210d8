//go:build !linux

package coherence

import "time"

// sinceBoot is for systems without such a clock: the wall clock alone sees that the machine slept.
func sinceBoot(otherwise time.Duration) time.Duration { return otherwise }
