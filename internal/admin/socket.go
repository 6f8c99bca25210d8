package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Socket is where the server of a data directory listens for its operator.
func Socket(dir string) string { return filepath.Join(dir, "admin.sock") }

// An action is an Action whose types the socket does not know.
type action interface {
	path() string
	serve(ctx context.Context, h *Host, who Operator, params []byte, progress func(Progress)) (any, error)
	refuse(h *Host, who Operator, reason string) error
}

// actions are what can be asked for on the socket.
var actions = []action{
	CreateAccessKey, ListAccessKeys, EnableAccessKey, DisableAccessKey, DeleteAccessKey,
	CreateSession, AddCertificate, ListCertificates, DeleteCertificate,
	PlanIdentities, ApplyIdentities, RotateRoot, AddRoot, ListKEKs, RotateKEK, Examine, Explain, Backup, NoteProof,
}

// A Door is the socket of a running server.
type Door struct {
	host *Host
	http *http.Server
	dir  *os.File
	done chan struct{}

	ctx    context.Context // of every action: they outlive the client that asked
	cancel context.CancelFunc
	acting sync.WaitGroup
}

// Listen opens the socket in the data directory of h (mode 0600) and serves it until Close. Only
// root and the user of this process are let in, whatever the modes of files say. A socket left by a
// crash is replaced: h holds the lock of the store, so nobody serves it.
func Listen(h *Host) (*Door, error) {
	ln, dir, err := listen(h.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the admin socket: %w", err)
	}
	d := &Door{host: h, dir: dir, done: make(chan struct{})}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	for _, a := range actions {
		mux.HandleFunc("POST /"+a.path(), func(w http.ResponseWriter, r *http.Request) { d.serve(w, r, a) })
	}
	d.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ConnContext: withPeer}
	go func() {
		defer close(d.done)
		_ = d.http.Serve(ln) // ends by Close alone
	}()
	return d, nil
}

func (d *Door) serve(w http.ResponseWriter, r *http.Request, a action) {
	d.acting.Add(1)
	defer d.acting.Done()
	who, err := peerOf(r.Context())
	if err == nil {
		err = admit(who)
	}
	if err == nil {
		answer(w, r, func(params []byte, progress func(Progress)) (any, error) {
			return a.serve(d.ctx, d.host, who, params, progress)
		})
		return
	}
	if failed := a.refuse(d.host, who, err.Error()); failed != nil {
		d.host.Logger.ErrorContext(d.ctx, "cannot record a refusal", "error", failed)
	}
	http.Error(w, err.Error(), http.StatusForbidden)
}

const patience = 5 * time.Second

// Close removes the socket and waits for the actions that have begun. A long one is told to stop
// after a few seconds, and goes on when it is asked for again.
func (d *Door) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	err := d.http.Shutdown(ctx)
	d.cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		err = d.http.Close()
	}
	d.acting.Wait()
	<-d.done
	return errors.Join(err, d.dir.Close())
}

func listen(dir string) (net.Listener, *os.File, error) {
	f, path, err := socketIn(dir)
	if err != nil {
		return nil, nil, err
	}
	ln, err := bind(f, path)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return ln, f, nil
}

func bind(dir *os.File, path string) (net.Listener, error) {
	if err := private(dir); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode()&os.ModeSocket == 0:
		return nil, fmt.Errorf("%s is there and is no socket", Socket(dir.Name()))
	case err == nil:
		err = os.Remove(path)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	// Between the two others may have connected, if the umask let them: admit refuses them.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// A message is one line of an answer.
type message struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    string          `json:"error,omitempty"`
}

const maxParams = 2 << 20 // bytes: a roster of 1 MiB in base64

func answer(w http.ResponseWriter, r *http.Request, perform func([]byte, func(Progress)) (any, error)) {
	params, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxParams))
	if err != nil {
		http.Error(w, "the parameters could not be read", http.StatusBadRequest)
		return
	}
	defer clear(params) // a passphrase may be in them
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	out, err := perform(params, func(p Progress) {
		_ = lines.Encode(message{Progress: &p}) // who does not listen any more: the action goes on
		_ = http.NewResponseController(w).Flush()
	})
	m := message{}
	if err == nil {
		m.Result, err = json.Marshal(out)
	}
	if err != nil {
		m = message{Error: err.Error()}
	}
	_ = lines.Encode(m)
}
