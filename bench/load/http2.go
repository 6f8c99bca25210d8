package load

import (
	"bytes"
	"io"
	"net/http"
)

// A shared is one HTTP/2 connection, which all clients use at once.
type shared struct {
	site      Site
	transport *http.Transport
}

func newShared(site Site) *shared {
	p := new(http.Protocols)
	p.SetHTTP2(true)
	return &shared{site, &http.Transport{TLSClientConfig: site.TLS, Protocols: p, DisableCompression: true}}
}

func (s *shared) do(r *Request) (Answer, error) {
	req, err := http.NewRequest("POST", "https://"+s.site.Address+"/", bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	for _, f := range r.Header {
		if f.Name != "Host" {
			req.Header[f.Name] = []string{f.Value}
		}
	}
	res, err := s.transport.RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, res.Header.Get("X-Amzn-Requestid"), body}, err
}

func (s *shared) close() { s.transport.CloseIdleConnections() }
