package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A Record is what a test asks of an audit record; docs/formats/audit-record.md has all of it.
type Record struct {
	Seq          uint64 `json:"seq"`
	EventID      string `json:"eventID"`
	EventName    string `json:"eventName"`
	EventSource  string `json:"eventSource"`
	EventType    string `json:"eventType"`
	RequestID    string `json:"requestID"`
	AWSRegion    string `json:"awsRegion"`
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
	UserIdentity struct {
		Type        string `json:"type"`
		AccountID   string `json:"accountId"`
		AccessKeyID string `json:"accessKeyId"`
	} `json:"userIdentity"`
	RequestParameters json.RawMessage `json:"requestParameters"`
	ReadOnly          bool            `json:"readOnly"`
	TLSDetails        json.RawMessage `json:"tlsDetails"`
}

// Records reads the audit log of the server, which may run. It fails the test unless every line is a
// record, and they are numbered from 0 without a gap.
func (s *Server) Records() []Record {
	s.t.Helper()
	return Records(s.t, s.Dir)
}

// Records is Server.Records for the data directory dir.
func Records(t testing.TB, dir string) []Record {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var all []Record
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: record %d: %v: %q", filepath.Base(name), len(all), err, line)
			}
			if got, want := r.Seq, uint64(len(all)); got != want {
				t.Fatalf("%s: got record number %d, want %d", filepath.Base(name), got, want)
			}
			all = append(all, r)
		}
	}
	return all
}

// ByRequest indexes the records of requests, and fails the test if a request has two.
func ByRequest(t testing.TB, records []Record) map[string]Record {
	t.Helper()
	byID := make(map[string]Record, len(records))
	for _, r := range records {
		if r.RequestID == "" {
			continue
		}
		if twin, twice := byID[r.RequestID]; twice {
			t.Errorf("request %s: got records %d and %d, want one", r.RequestID, twin.Seq, r.Seq)
		}
		byID[r.RequestID] = r
	}
	return byID
}
