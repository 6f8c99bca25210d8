//go:build !linux

package admin

func hardened() []Check {
	return []Check{{"core dumps", Notice, "not looked at on this system: see to it that they and swap are off or encrypted"}}
}
