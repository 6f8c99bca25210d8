package explain

import (
	"encoding/json"
	"strings"
)

// A written is a statement as its author wrote it.
type written struct {
	text json.RawMessage
	line int // where it begins, from 1
}

// statements are those of a policy, in their order; none of what is no policy.
func statements(policy string) (all []written) {
	d := json.NewDecoder(strings.NewReader(policy))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		if name != "Statement" {
			var other json.RawMessage
			if d.Decode(&other) != nil {
				return nil
			}
			continue
		}
		return listed(d, policy)
	}
	return nil
}

// listed are the statements that d is before: a list of them, or one.
func listed(d *json.Decoder, policy string) (all []written) {
	var value json.RawMessage
	if d.Decode(&value) != nil {
		return nil
	}
	begin := int(d.InputOffset()) - len(value)
	if value[0] != '[' {
		return []written{{value, line(policy[:begin])}}
	}
	inner := json.NewDecoder(strings.NewReader(string(value)))
	if _, err := inner.Token(); err != nil {
		return nil
	}
	for inner.More() {
		var one json.RawMessage
		if inner.Decode(&one) != nil {
			return nil
		}
		all = append(all, written{one, line(policy[:begin+int(inner.InputOffset())-len(one)])})
	}
	return all
}

// line is the number of the line on which what follows before begins.
func line(before string) int { return 1 + strings.Count(before, "\n") }
