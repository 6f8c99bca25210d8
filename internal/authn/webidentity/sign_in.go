package webidentity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Endpoints are where people sign in at a provider, as it publishes them.
type Endpoints struct {
	Authorization string // where browsers are sent
	Token         string // where a code is exchanged
	Basic         bool   // the client proves itself in a header (RFC 6749 §2.3.1); else in the form
	NamesIssuer   bool   // its answers say whose they are (RFC 9207)
}

// Endpoints asks issuer for its endpoints, by the rules by which it is asked for its keys. It remembers nothing.
func (v *Verifier) Endpoints(ctx context.Context, issuer string) (*Endpoints, error) {
	if _, ok := v.URL(issuer); !ok {
		return nil, fmt.Errorf("%w: %q is no https URL of an issuer", errRefused, issuer)
	}
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, v.client), issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", brief{err})
	}
	var said struct {
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		Methods       []string `json:"token_endpoint_auth_methods_supported"`
		NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&said); err != nil {
		return nil, fmt.Errorf("discover: %w", brief{err})
	}
	for _, address := range []string{said.Authorization, said.Token} {
		if _, ok := v.plainURL(address); !ok {
			return nil, fmt.Errorf("%w: the endpoint %.200q is no https URL", errRefused, address)
		}
	}
	// A provider that says nothing has client_secret_basic (OpenID Connect Discovery 1.0 §3).
	basic := len(said.Methods) == 0 || slices.Contains(said.Methods, "client_secret_basic")
	return &Endpoints{said.Authorization, said.Token, basic, said.NamesIssuer}, nil
}

// A Denial is what a provider says in place of an answer (RFC 6749 §5.2). Both are texts of its own: of any form and length.
type Denial struct{ Code, Description string }

func (d *Denial) Error() string { return fmt.Sprintf("%.100q: %.500q", d.Code, d.Description) }

// Exchange sends the form of a code to the token endpoint and returns the ID token it answers, which is not verified. The client
// proves that it is id with secret; without one it is named alone. The error is a *Denial when the provider refuses.
func (v *Verifier) Exchange(ctx context.Context, at *Endpoints, form url.Values, id, secret string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	if secret == "" || !at.Basic {
		form.Set("client_id", id)
	}
	if secret != "" && !at.Basic {
		form.Set("client_secret", secret)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	if secret != "" && at.Basic {
		r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret)) // RFC 6749 §2.3.1: encoded first
	}
	answer, err := v.transport.RoundTrip(r) // by itself it follows no redirect: the code and the secret are for this address
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct {
		IDToken     string `json:"id_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostBytes))
	if err != nil {
		return "", err
	}
	switch err := json.Unmarshal(body, &said); {
	case answer.StatusCode != http.StatusOK && said.Error != "":
		return "", &Denial{said.Error, said.Description}
	case answer.StatusCode != http.StatusOK:
		return "", statusError(answer.StatusCode)
	case err != nil:
		return "", errors.New("the answer is no JSON")
	case said.IDToken == "":
		return "", errors.New("the answer has no ID token")
	}
	return said.IDToken, nil
}
