// Package sts is the wire of the few calls of the Security Token Service that clients make before they
// make any of KMS: a form or a query goes in, XML comes out (access.md §2.4).
//
// Asked tells such a request, Read takes it in, Answer and Refuse send the two kinds of response. Who is
// asking is for the pipeline to find out, as with every request.
package sts

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/wire"
)

const (
	version = "2011-06-15"
	maxBody = 64 << 10 // bytes; a web identity token has 20,000
)

// GetCallerIdentity needs no permission: it tells callers what they know already.
const GetCallerIdentity = "GetCallerIdentity"

// Asked reports whether hr is for this service: a form, or what was presigned, which has no body.
func Asked(hr *http.Request) bool {
	path, _, _ := strings.Cut(hr.RequestURI, "?")
	if path != "/" || len(hr.Header["X-Amz-Target"]) > 0 {
		return false
	}
	media, _, _ := strings.Cut(hr.Header.Get("Content-Type"), ";")
	form := strings.EqualFold(strings.TrimSpace(media), "application/x-www-form-urlencoded")
	return hr.Method == http.MethodPost && form || hr.Method == http.MethodGet && strings.Contains(hr.URL.RawQuery, "Action=")
}

// Read returns the action that is asked for and the body it was asked in, which is what was signed.
func Read(w http.ResponseWriter, hr *http.Request) (action string, body []byte, err error) {
	body, err = io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody))
	if err != nil {
		return "", nil, fault.BodyTooLarge(maxBody).Because(err)
	}
	text := hr.URL.RawQuery
	if hr.Method == http.MethodPost {
		text = string(body)
	}
	form, err := url.ParseQuery(text)
	switch {
	case err != nil, len(form["Action"]) != 1:
		return "", body, fault.NoAction()
	case form.Get("Action") != GetCallerIdentity || form.Get("Version") != version:
		return "", body, fault.UnknownAction(form.Get("Action"), form.Get("Version"))
	}
	return GetCallerIdentity, body, nil
}

// An Identity is who a caller is.
type Identity struct {
	Arn     string
	UserId  string
	Account string
}

type answer struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Identity  Identity `xml:"GetCallerIdentityResult"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

// Answer sends who the caller is.
func Answer(w http.ResponseWriter, requestID string, who Identity) {
	send(w, requestID, http.StatusOK, answer{Identity: who, RequestID: requestID})
}

type refusal struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// codes are the names and statuses that this service has for what KMS calls otherwise (access.md §1.6).
var codes = map[fault.Code]struct {
	code   string
	status int
}{
	fault.MissingToken:        {"MissingAuthenticationToken", 403},
	fault.IncompleteSignature: {"IncompleteSignature", 400},
	fault.InvalidSignature:    {"SignatureDoesNotMatch", 403},
	fault.UnrecognizedClient:  {"InvalidClientTokenId", 403},
	fault.ExpiredToken:        {"ExpiredToken", 403},
	fault.InvalidAction:       {"InvalidAction", 400},
	fault.RequestTooLarge:     {"RequestEntityTooLarge", 413},
	fault.DependencyTimeout:   {"ServiceUnavailable", 503},
}

// Refuse sends err as the caller may see it.
func Refuse(w http.ResponseWriter, requestID string, err error) {
	f := wire.Fault(err)
	c, known := codes[f.Code]
	kind := "Sender"
	if !known { // nothing a caller could have caused
		c.code, c.status = "InternalFailure", 500
	}
	if c.status >= 500 {
		kind = "Receiver"
	}
	send(w, requestID, c.status, refusal{Type: kind, Code: c.code, Message: f.Text, RequestID: requestID})
}

func send(w http.ResponseWriter, requestID string, status int, v any) {
	body, err := xml.Marshal(v)
	if err != nil {
		panic(errors.Join(errors.New("sts: internal error"), err)) // of structs of strings
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", requestID)
	h.Set("Content-Type", "text/xml")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate, private")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
