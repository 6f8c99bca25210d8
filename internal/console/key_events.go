package console

import (
	"encoding/json"

	"qkms/internal/oversight"
)

// keyEvents are the last uses and changes of a key, and the last refusals.
type keyEvents struct {
	Shown []oversight.Event
	More  bool // there are others, or may be
}

// How many records are shown, and how often more are asked for to find them.
const (
	eventsShown = 10
	eventsAsked = 4
)

func (v *visit) keyEvents(r *keyRoom) (p part[keyEvents], err error) {
	marker := ""
	for range eventsAsked {
		found, err := askOversight[oversight.EventsFound](v, "LookupEvents", "Key", r.ID, "MaxItems", "50", "HideConsoleReads", "true", "Marker", marker)
		if err != nil || found.Unseen != nil {
			return part[keyEvents]{Unseen: found.Unseen}, err
		}
		for _, e := range found.Is.Events {
			if looked(e) {
				continue
			}
			if p.Is.More = len(p.Is.Shown) == eventsShown; p.Is.More {
				return p, nil
			}
			p.Is.Shown = append(p.Is.Shown, e)
		}
		if marker = found.Is.Marker; marker == "" {
			return p, nil
		}
	}
	p.Is.More = true
	return p, nil
}

// looked reports whether a record is of somebody who has seen something of the key, as these pages do with each view, and
// has neither used nor changed it. What a client says of itself, such as its user agent, is not asked: it could be anything.
func looked(e oversight.Event) bool {
	var rec struct{ ReadOnly bool }
	return json.Unmarshal([]byte(e.Record), &rec) == nil && rec.ReadOnly && e.ErrorCode == "" && !isUse[e.EventName]
}

// isUse are the operations on keys that read nothing but are called read-only, as CloudTrail does.
var isUse = map[string]bool{
	"Encrypt": true, "Decrypt": true, "ReEncrypt": true, "Sign": true, "Verify": true, "GenerateMac": true, "VerifyMac": true, "DeriveSharedSecret": true,
	"Encapsulate": true, "Decapsulate": true, "GenerateDataKey": true, "GenerateDataKeyWithoutPlaintext": true, "GenerateDataKeyPair": true, "GenerateDataKeyPairWithoutPlaintext": true,
}

// user is who made the use of a key that GetKeyLastUsage tells of; "" if the log of this node does not have it, or is not for
// the visitor to see.
func (v *visit) user(use *part[lastUse]) (string, error) {
	id := use.Is.KeyLastUsage.CloudTrailEventId
	if use.Unseen != nil || id == "" {
		return "", nil
	}
	found, err := askOversight[oversight.EventsFound](v, "LookupEvents", "Event", id, "MaxItems", "1")
	if err != nil || len(found.Is.Events) == 0 {
		return "", err
	}
	return found.Is.Events[0].Principal, nil
}
