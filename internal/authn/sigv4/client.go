package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials sign requests, as a client has them.
type Credentials struct {
	AccessKeyID string
	Secret      string
	Token       string // of a session; empty of an access key
}

// Sign signs hr with every header it has, and its host, for a service in a Region. It sets X-Amz-Date,
// X-Amz-Security-Token and Authorization. body is what hr will send.
func (c Credentials) Sign(hr *http.Request, body []byte, region, service string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	hr.Header.Set("X-Amz-Date", stamp)
	hr.Header.Del("Authorization")
	if c.Token != "" {
		hr.Header.Set("X-Amz-Security-Token", c.Token)
	}
	names := []string{"host"}
	for name := range hr.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	r := From(hr, body)
	s := Signed{Date: stamp[:len("20060102")], Region: region, Service: service, req: &r, host: [1]string{r.Host}, names: nameList(strings.Join(names, ";")), stamp: stamp}
	sum := sha256.Sum256(body)
	key := SigningKey([]byte(c.Secret), s.Date, region, service)
	signature, _ := s.sign(key, hex.AppendEncode(nil, sum[:]), spacesOnly) // the headers are those that are there
	hr.Header.Set("Authorization", Algorithm+" Credential="+c.AccessKeyID+"/"+s.Date+"/"+region+"/"+service+"/"+terminator+
		", SignedHeaders="+string(s.names)+", Signature="+string(signature[:]))
}
