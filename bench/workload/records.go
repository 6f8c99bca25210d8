package workload

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CheckRecords looks for the record of every request that was answered: one, and not two.
func (f *Fleet) CheckRecords() error {
	records, err := f.records()
	if err != nil {
		return err
	}
	missing, twice := 0, 0
	for _, a := range f.actors {
		for _, id := range a.ids {
			switch records[id] {
			case 0:
				missing++
			case 1:
			default:
				twice++
			}
		}
	}
	if missing+twice > 0 {
		return fmt.Errorf("the audit log has no record of %d answered requests, and more than one of %d", missing, twice)
	}
	return nil
}

// records is how many there are of each request.
func (f *Fleet) records() (map[string]int, error) {
	n := map[string]int{}
	segments, err := filepath.Glob(filepath.Join(f.deployment.Dir, "audit", "*.jsonl"))
	for _, name := range segments {
		err = errors.Join(err, count(n, name))
	}
	return n, err
}

func count(n map[string]int, segment string) error {
	file, err := os.Open(segment)
	if err != nil {
		return err
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var record struct {
			RequestID string `json:"requestID"`
		}
		if err := json.Unmarshal(s.Bytes(), &record); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(segment), err)
		}
		n[record.RequestID]++
	}
	return s.Err()
}
