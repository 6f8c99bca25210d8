package target

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"qkms/bench/load"
)

var running = regexp.MustCompile(`Running on http://(\S+)`)

// Moto starts moto_server, which checks no signature and keeps everything in memory; nil if it is not installed.
func Moto(log string) (*Target, error) {
	program, err := exec.LookPath("moto_server")
	if err != nil {
		return nil, nil
	}
	t := &Target{Name: "moto", Login: load.Login{Region: "us-east-1", ID: "AKIAIOSFODNN7EXAMPLE", Secret: "none"}}
	t.Process, err = start(log, func(line string) bool {
		found := running.FindStringSubmatch(line)
		if found != nil {
			t.Site.Address = found[1]
		}
		return found != nil
	}, "/bin/sh", "-c", `exec "$0" -p 0 2>&1`, program)
	return t, err
}

// Peer is a server that runs already, NAME=URL or NAME=URL,PID: with the number of its process on this machine its processor time is
// measured as well. Requests are signed with $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY for $AWS_REGION.
func Peer(s string) (*Target, error) {
	name, rest, _ := strings.Cut(s, "=")
	at, number, _ := strings.Cut(rest, ",")
	u, err := url.Parse(at)
	if err != nil || name == "" || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("write NAME=http://HOST:PORT or NAME=http://HOST:PORT,PID")
	}
	t := &Target{Name: name, Process: &Process{}, Site: load.Site{Address: u.Host}, Login: load.Login{
		Region: os.Getenv("AWS_REGION"), ID: os.Getenv("AWS_ACCESS_KEY_ID"), Secret: os.Getenv("AWS_SECRET_ACCESS_KEY"),
	}}
	if number != "" {
		t.PID, err = strconv.Atoi(number)
	}
	return t, err
}

// Foreign is a server that runs already and speaks another language, NAME=FILE or NAME=FILE,PID: the file has a whole HTTP/1.1 request, the
// head with CRLF at the ends of its lines, that comes to what GenerateDataKey does.
func Foreign(s string) (*Target, error) {
	name, rest, _ := strings.Cut(s, "=")
	file, number, _ := strings.Cut(rest, ",")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: name, Process: &Process{}}
	if t.Only, t.Site.Address, err = load.Raw(text); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if number != "" {
		t.PID, err = strconv.Atoi(number)
	}
	return t, err
}
