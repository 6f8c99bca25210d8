package restore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qkms/internal/audit"
	"qkms/internal/key"
)

// An event is an audit record, as far as a restore reads it.
type event struct {
	Seq       uint64
	Time      time.Time `json:"eventTime"`
	ID        string    `json:"eventID"`
	Source    string    `json:"eventSource"`
	Name      string    `json:"eventName"`
	Region    string    `json:"awsRegion"`
	Error     string    `json:"errorCode"`
	Account   string    `json:"recipientAccountId"`
	Shared    string    `json:"sharedEventID"`
	ReadOnly  bool      `json:"readOnly"`
	Request   params    `json:"requestParameters"`
	Response  params    `json:"responseElements"`
	More      params    `json:"additionalEventData"`
	Resources []struct{ ARN string }

	log    int               // the number of the log it was read in
	at     time.Time         // the newest time in that log up to here
	text   [sha256.Size]byte // digest of the record without its number
	signed bool              // a checkpoint covers it
	late   bool              // it stands behind a newer one: it reached the log late, or a clock was set back
	early  bool              // by the clock of its node it is from before the backup, and nothing else tells
}

// params are the members of a JSON object.
type params map[string]any

// text is a member that is a text, or "". A dot leads into an object.
func (p params) text(path string) string {
	name, rest, inner := strings.Cut(path, ".")
	if inner {
		m, _ := p[name].(map[string]any)
		return params(m).text(rest)
	}
	s, _ := p[name].(string)
	return s
}

func parseEvent(line []byte) (*event, error) {
	e := new(event)
	_, rest, _ := bytes.Cut(line, []byte(`,"`)) // behind the number
	e.text = sha256.Sum256(rest)
	return e, json.Unmarshal(line, e)
}

// matters reports whether e did something: what was refused, and what only read, changed nothing. Reading
// with a key matters all the same, where the key is lost.
func (e *event) matters() bool { return e.Error == "" && (!e.ReadOnly || len(e.Resources) > 0) }

// key is the KMS key that e is about, from what it says was touched.
func (e *event) key(n key.Naming) (key.Reference, error) {
	for _, r := range e.Resources {
		if strings.Contains(r.ARN, ":key/") {
			return n.ParseReference(r.ARN, e.Account, e.Region, key.KeyOnly)
		}
	}
	return key.Reference{}, fmt.Errorf("record %d names no key", e.Seq)
}

// arn is the ARN of the key, as the record has it.
func (e *event) arn() string {
	for _, r := range e.Resources {
		if strings.Contains(r.ARN, ":key/") {
			return r.ARN
		}
	}
	return ""
}

// made is the ARN of the key that e made, or "". A replica is not among what its record says was touched.
func (e *event) made() string {
	switch e.Name {
	case "CreateKey":
		return cmp.Or(e.Response.text("keyMetadata.arn"), e.arn())
	case "ReplicateKey":
		return e.Response.text("replicaKeyMetadata.arn")
	}
	return ""
}

// service is the source in short.
func (e *event) service() string {
	switch e.Source {
	case audit.SourceKMS:
		return "kms"
	case audit.SourceIAM:
		return "iam"
	case audit.SourceAdmin:
		return "qkms"
	}
	return ""
}
