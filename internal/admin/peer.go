package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
)

type peerKey struct{}

// withPeer asks the kernel who connected. What the client says does not count.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, err := peerUID(c)
	if err != nil {
		return context.WithValue(ctx, peerKey{}, err)
	}
	return context.WithValue(ctx, peerKey{}, uid)
}

func peerOf(ctx context.Context) (Operator, error) {
	switch v := ctx.Value(peerKey{}).(type) {
	case int:
		return operator(v), nil
	case error:
		return Operator{UID: -1}, fmt.Errorf("the kernel does not say who is asking: %w", v)
	}
	return Operator{UID: -1}, errors.New("nobody knows who is asking")
}

// admit lets in the user of this process, who can read its files anyway, and root.
func admit(who Operator) error {
	if me := os.Geteuid(); who.UID != 0 && who.UID != me {
		return fmt.Errorf("user id %d may not administer this server: only user id %d and root may", who.UID, me)
	}
	return nil
}
