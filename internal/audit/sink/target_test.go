package sink_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
)

func TestStdoutHasOneLineARecord(t *testing.T) {
	var out safeBuffer
	l := openLog(t, t.TempDir(), audit.Config{})
	want := add(t, l, 4)
	s, _ := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, "stdout:", &out)}})
	drained(t, l, s)
	wantIDs(t, idsOf([]byte(out.String())), want)
}

func TestFileTurnsAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := openLog(t, t.TempDir(), audit.Config{})
	url := "file://" + path + "?size=1&keep=2"
	var want []string
	long := strings.Repeat("x", 90<<10)
	for range 3 {
		s, end := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, url, nil)}})
		for range 9 {
			r := &audit.Record{EventName: "CreateKey", Request: audit.Detail{audit.String("description", long)}}
			if err := l.Append(r); err != nil {
				t.Fatal(err)
			}
			want = append(want, r.EventID)
			drained(t, l, s)
		}
		end()
		// What a crash leaves of a line is written over.
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"seq":99,"half`); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s, _ := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, url, nil)}})
	want = append(want, add(t, l, 1)...)
	drained(t, l, s)
	var all []byte
	for _, name := range []string{path + ".2", path + ".1", path} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if info, _ := os.Stat(name); len(b) > 1<<20 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has %d bytes and mode %v", name, len(b), info.Mode())
		}
		all = append(all, b...)
	}
	if bytes.Contains(all, []byte("half")) {
		t.Error("half a line is still there")
	}
	wantIDs(t, idsOf(all), want)
}

func TestURLsThatAreRefusedSayWhy(t *testing.T) {
	open := file(t, "open", strings.Repeat("k", 32))
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	short := file(t, "short", "whsec_c2hvcnQ=")
	for url, want := range map[string]string{
		"":                                     "no such kind; there are stdout:",
		"ftp://h/":                             "no such kind",
		"stdout:x":                             "stdout: and nothing more",
		"file:x":                               "three slashes",
		"file://etc/x":                         "three slashes",
		"file:///no/such/directory/x":          "no such file",
		"file:///tmp/x?size=0":                 "size is a number from 1",
		"syslog:///dev/log?max=x":              "max is a number from 2048",
		"syslog://host:514":                    "three slashes",
		"syslog+udp://":                        "HOST:PORT",
		"syslog+tcp://h:1/x":                   "a path means nothing",
		"syslog+tcp://h:1?ca-file=x":           "of TLS, and this is none",
		"syslog+tls://h:1?ca-file=/no/such":    "ca-file: open /no/such",
		"syslog+tls://h:1?ca-file=" + short:    "no PEM certificate",
		"https://":                             "no host",
		"https://h:x/?query=p4ss":              "invalid port",
		"https://me:p4ss@h/":                   "token-file",
		"https://h/#f":                         "no meaning",
		"http://192.0.2.1/":                    "write https",
		"otlp+http://example.com/v1/logs":      "write https",
		"otlp+https://h":                       "/v1/logs",
		"https://h/?secret-flie=/x":            `no parameter "secret-flie"`,
		"https://h/?secret-file=/no/such":      "secret-file: stat /no/such",
		"https://h/?secret-file=" + open:       "everybody on the machine may read",
		"https://h/?secret-file=" + short:      "can be guessed",
		"https://h/?format=xml":                "format is ndjson or cloudtrail",
		"https://h/?gzip=on&gzip=on":           "gzip is given twice",
		"https://h/?token-file=" + t.TempDir(): "token-file",
	} {
		t.Run(url, func(t *testing.T) {
			_, err := sink.Parse(url, io.Discard)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "p4ss") {
				t.Errorf("got %v, want an error with %q", err, want)
			}
		})
	}
}

func TestOneTargetTwiceIsRefused(t *testing.T) {
	l := openLog(t, t.TempDir(), audit.Config{})
	one := parse(t, "http://127.0.0.1:1/", nil)
	_, err := sink.New(sink.Config{Log: l, Targets: []*sink.Target{one, parse(t, "http://127.0.0.1:1/?gzip=on", nil)}})
	if err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, url := range []string{"stdout:", "syslog:///dev/log?max=4096", "syslog+tls://h:6514", "https://h/p?query=a%3Db&format=cloudtrail", "otlp+https://h/v1/logs?gzip=on", "http://[::1]:1/"} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		if strings.HasPrefix(strings.ToLower(url), "file:") {
			return // which makes the file
		}
		target, err := sink.Parse(url, io.Discard)
		if err == nil && strings.Contains(target.Name, "?") {
			t.Errorf("%q is named %q", url, target.Name)
		}
	})
}
