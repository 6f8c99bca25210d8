package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"qkms/internal/audit"
	"qkms/internal/store"
)

// A Place is a data directory, with the way to open it where no server has.
type Place struct {
	Dir  string
	Open func(ctx context.Context) (*Host, error)
}

// errNobody is returned by ask when no server listens.
var errNobody = errors.New("no server listens")

// Do performs an action where it belongs: in the running server of the place, or on the store opened
// for it. progress may be nil.
func Do[P, R any](ctx context.Context, pl Place, a *Action[P, R], p P, progress func(Progress)) (R, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	out, err := ask(ctx, pl.Dir, a, p, progress)
	if !errors.Is(err, errNobody) {
		return out, err
	}
	h, err := pl.Open(ctx)
	if errors.Is(err, store.ErrLocked) || errors.Is(err, audit.ErrLocked) {
		return out, fmt.Errorf("a process has %s open and does not listen on its admin socket; it may be starting or ending: %w", pl.Dir, err)
	}
	if err != nil {
		return out, err
	}
	out, err = a.Perform(ctx, h, Self(), p, progress)
	return out, errors.Join(err, h.Close())
}

// ask performs the action in the running server; errNobody when there is none.
func ask[P, R any](ctx context.Context, dir string, a *Action[P, R], p P, progress func(Progress)) (out R, err error) {
	conn, err := dial(ctx, dir)
	if err != nil {
		return out, err
	}
	defer conn.Close()
	params, err := json.Marshal(p)
	if err != nil {
		return out, err
	}
	defer clear(params)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://qkms/"+a.Name, bytes.NewReader(params))
	if err != nil {
		return out, err
	}
	res, err := client.Do(req)
	if err != nil {
		return out, fmt.Errorf("ask the running server: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return out, fmt.Errorf("the running server: %s", strings.TrimSpace(string(text)))
	}
	return out, read(json.NewDecoder(res.Body), &out, progress)
}

// read takes the lines of an answer up to the last, which is the result or the error.
func read[R any](lines *json.Decoder, out *R, progress func(Progress)) error {
	for {
		var m message
		if err := lines.Decode(&m); err != nil {
			return fmt.Errorf("the running server ended before it answered; run the verb again: %w", err)
		}
		switch {
		case m.Progress != nil:
			progress(*m.Progress)
		case m.Error != "":
			return errors.New(m.Error)
		default:
			return json.Unmarshal(m.Result, out)
		}
	}
}

func dial(ctx context.Context, dir string) (net.Conn, error) {
	f, path, err := socketIn(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNobody
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return nil, errNobody // ECONNREFUSED: a crash left the socket
	}
	return conn, err
}

// Running reports whether a server listens for its operator in dir.
func Running(dir string) (bool, error) {
	conn, err := dial(context.Background(), dir)
	if errors.Is(err, errNobody) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, conn.Close()
}
