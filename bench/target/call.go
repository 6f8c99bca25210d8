package target

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"qkms/bench/load"
)

// Call asks the target for something, over a connection of its own, and returns the fields of the answer. A refusal is an error.
func (t *Target) Call(operation string, fields map[string]any) (map[string]any, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	c := load.Open(t.Site, 1, false)
	defer c.Close()
	a, err := c.Do(t.Login.Sign(t.Site.Address, load.Call{Operation: operation, Body: body}, time.Now()))
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("%s: answer %d: %s", operation, a.Status, a.Body)
	}
	var answer map[string]any
	if len(a.Body) > 0 {
		err = json.Unmarshal(a.Body, &answer)
	}
	return answer, err
}
