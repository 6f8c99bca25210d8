package console

import (
	"encoding/json"

	"qkms/internal/oversight"
)

// recordOf is the audit record that a request has left, as JSON, or the refusal of whoever may not see it. "" when it is not
// among the last ones: somebody else is busy with the same operation.
func (v *visit) recordOf(operation, requestID string) (string, *Refusal, error) {
	var out oversight.EventsFound
	err := v.query(oversight.Signing, "LookupEvents", &out, "Event", operation, "MaxItems", "20")
	if refusal := refusalOf(err); refusal != nil {
		return "", refusal, nil
	}
	if err != nil {
		return "", nil, err
	}
	for _, e := range out.Events {
		var rec struct{ RequestID string }
		if json.Unmarshal([]byte(e.Record), &rec) == nil && rec.RequestID == requestID {
			return e.Record, nil, nil
		}
	}
	return "", nil, nil
}
