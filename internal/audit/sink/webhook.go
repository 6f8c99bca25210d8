package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A webhook posts batches, signed as the Standard Webhooks specification has it, so that libraries that
// verify exist: docs/formats/audit-sink.md §4.
type webhook struct {
	*poster
	secret  secretFile
	records bool // {"Records":[…]}, as in a file of CloudTrail; else one record a line
}

func newWebhook(u *url.URL, o *options) (sender, error) {
	p, err := newPoster(u, o)
	if err != nil {
		return nil, err
	}
	w := &webhook{poster: p, secret: secretFile(o.take("secret-file")), records: o.oneOf("format", "ndjson", "cloudtrail") == "cloudtrail"}
	if w.secret != "" {
		if _, err := w.key(); err != nil {
			return nil, fmt.Errorf("secret-file: %w", err)
		}
	}
	return w, nil
}

func (w *webhook) send(ctx context.Context, lines [][]byte) error {
	body, contentType := joined(lines), "application/x-ndjson"
	if w.records {
		body, contentType = records(lines), "application/json"
	}
	_, err := w.post(ctx, contentType, body, w.sign)
	return err
}

// records is the lines as a file of CloudTrail has them.
func records(lines [][]byte) []byte {
	return append(append([]byte(`{"Records":[`), bytes.Join(lines, []byte{','})...), ']', '}')
}

// sign adds the three headers. The id is the body's, so a batch that is sent again has it again; the time
// is in what is signed, so that a receiver can refuse what somebody recorded and sends once more.
func (w *webhook) sign(h http.Header, body []byte) error {
	sum := sha256.Sum256(body)
	id, at := "msg_"+hex.EncodeToString(sum[:16]), strconv.FormatInt(time.Now().Unix(), 10)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", at)
	if w.secret == "" {
		return nil
	}
	key, err := w.key()
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}

// key is what the secret stands for: bytes in base64 behind whsec_, or itself.
func (w *webhook) key() ([]byte, error) {
	secret, err := w.secret.read()
	if err != nil {
		return nil, err
	}
	if coded, is := bytes.CutPrefix(secret, []byte("whsec_")); is {
		if secret, err = base64.StdEncoding.AppendDecode(nil, coded); err != nil {
			return nil, errors.New(string(w.secret) + ": what follows whsec_ is not base64") // which quotes nothing of it
		}
	}
	if len(secret) < 24 {
		return nil, fmt.Errorf("%s: a secret of %d bytes can be guessed; 24 at least, such as whsec_ and 32 random bytes in base64", string(w.secret), len(secret))
	}
	return secret, nil
}
