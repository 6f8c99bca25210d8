// Package workload asks a server for everything that it does, and knows what every answer must be.
//
// A Fleet is the server with the actors who use it. Each actor has keys of its own, of which it remembers what the server has acknowledged;
// after a restart all of that must still be so. Choices are by a seed; what several actors do at once is not.
package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"qkms/bench/load"
	"qkms/bench/target"
)

type fields = map[string]any

// An actor asks one thing after the other. One goroutine at a time may use it.
type actor struct {
	n       int
	rand    *rand.Rand
	server  *target.Target
	client  *load.Clients
	common  *key // of all actors
	keys    []*key
	dead    []*key // waiting for deletion, for good
	unborn  int    // keys that were asked for without an answer
	aliases map[string]*fact
	sealed  []*sealed
	ids     []string // of the requests that were answered
	kinds   map[string]int
	bag     []func(*actor) error // what to do next
	settled bool                 // makes no more keys
}

// A gone is an error of the connection: the server has been killed, and whether it did what it was asked is unknown.
type gone struct{ error }

func (g gone) Unwrap() error { return g.error }

// ask sends one request and decodes the answer into out, unless that is nil. The exception's name is returned of a refusal.
func (a *actor) ask(operation string, in fields, out any) (refused string, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return "", err
	}
	got, err := a.client.Do(a.server.Login.Sign(a.server.Site.Address, load.Call{Operation: operation, Body: body}, time.Now()))
	if err != nil {
		return "", gone{err}
	}
	a.kinds[operation]++
	a.ids = append(a.ids, got.RequestID)
	if got.Status == http.StatusOK {
		if out == nil {
			return "", nil
		}
		return "", json.Unmarshal(got.Body, out)
	}
	var refusal struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal(got.Body, &refusal); err != nil || refusal.Type == "" {
		return "", fmt.Errorf("%s: answer %d is no exception: %q", operation, got.Status, got.Body)
	}
	return refusal.Type, nil
}

// must is ask for what has to succeed.
func (a *actor) must(operation string, in fields, out any) error {
	refused, err := a.ask(operation, in, out)
	if err == nil && refused != "" {
		err = fmt.Errorf("%s %v: got %s, want success", operation, in, refused)
	}
	return err
}

// refused is ask for what has to be refused by this exception.
func (a *actor) refused(operation string, in fields, want string) error {
	got, err := a.ask(operation, in, nil)
	if err == nil && got != want {
		err = fmt.Errorf("%s %v: got %q, want %s", operation, in, got, want)
	}
	return err
}

// run does so many things, chosen by chance, or as many as it takes until the server is gone.
func (a *actor) run(times int, done func()) error {
	for range times {
		if err := a.choose()(a); err != nil {
			if errors.As(err, new(gone)) {
				return nil
			}
			return fmt.Errorf("actor %d: %w", a.n, err)
		}
		done()
	}
	return nil
}

// A deed is something to do, and how often among all.
type deed struct {
	weight int
	do     func(*actor) error
}

var deeds = []deed{
	{20, (*actor).dataKey}, {16, (*actor).encrypt}, {12, (*actor).open}, {4, (*actor).openWrongly}, {6, (*actor).random},
	{8, (*actor).mac}, {10, (*actor).sign}, {1, (*actor).pair}, {2, (*actor).agree},
	{2, (*actor).create}, {3, (*actor).disable}, {2, (*actor).deletion}, {2, (*actor).rotate}, {3, (*actor).describe},
	{3, (*actor).alias}, {4, (*actor).grant}, {2, (*actor).bring}, {1, (*actor).list},
}

// choose takes the next of a bag that has every deed as often as it weighs: within a hundred things or so, all are done.
func (a *actor) choose() func(*actor) error {
	if len(a.bag) == 0 {
		for _, d := range deeds {
			for range d.weight {
				a.bag = append(a.bag, d.do)
			}
		}
		a.rand.Shuffle(len(a.bag), func(i, j int) { a.bag[i], a.bag[j] = a.bag[j], a.bag[i] })
	}
	next := a.bag[0]
	a.bag = a.bag[1:]
	return next
}

// bytes is n bytes that the seed decides.
func (a *actor) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(a.rand.Uint32())
	}
	return b
}
