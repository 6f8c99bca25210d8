package kmstest

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// versions of the APIs of the Query protocol.
var versions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15", "qkms": "2026-11-22"}

// IAM sends one operation of IAM with parameters, each a name and a value. Of a refusal Code and Message say
// why, as with KMS.
func (c *Client) IAM(action string, parameters ...string) *Reply {
	c.Server.t.Helper()
	return c.Query("iam", action, parameters...)
}

// MustIAM is IAM that fails the test unless the call succeeds.
func (c *Client) MustIAM(action string, parameters ...string) *Reply {
	c.Server.t.Helper()
	r := c.IAM(action, parameters...)
	if r.Status != http.StatusOK {
		c.Server.t.Fatalf("%s %q: got %d %s", action, parameters, r.Status, r.Raw)
	}
	return r
}

// Query sends one operation of a service of the Query protocol, "iam" or "sts".
func (c *Client) Query(service, action string, parameters ...string) *Reply {
	c.Server.t.Helper()
	form := url.Values{"Action": {action}, "Version": {versions[service]}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	body := []byte(form.Encode())
	req, err := http.NewRequest("POST", c.Server.URL+"/", bytes.NewReader(body))
	if err != nil {
		c.Server.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	signer := *c
	signer.Service = service
	signer.Sign(req, body, c.Server.Clock.Now())
	r, err := c.Do(req)
	if err != nil {
		c.Server.t.Fatalf("%s: %v", action, err)
	}
	if r.Status != http.StatusOK {
		r.Fields = map[string]any{"__type": r.Text("Code"), "message": r.Text("Message")}
	}
	return r
}

// Texts are the contents of all elements of an XML answer that have this name and no others in them.
func (r *Reply) Texts(name string) (all []string) {
	var text strings.Builder
	d := xml.NewDecoder(bytes.NewReader(r.Raw))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		} else if err != nil {
			return append(all, "not XML: "+err.Error())
		}
		switch token := token.(type) {
		case xml.StartElement:
			text.Reset()
		case xml.CharData:
			text.Write(token)
		case xml.EndElement:
			if token.Name.Local == name {
				all = append(all, text.String())
			}
			text.Reset()
		}
	}
}

// Text is the first of Texts, or "".
func (r *Reply) Text(name string) string {
	if all := r.Texts(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// NewUser makes a user by the API, with an inline policy unless that is empty, and returns a client of its.
func (s *Server) NewUser(account, name, policy string) *Client {
	s.t.Helper()
	root := s.As(account)
	root.MustIAM("CreateUser", "UserName", name)
	if policy != "" {
		root.MustIAM("PutUserPolicy", "UserName", name, "PolicyName", "own", "PolicyDocument", policy)
	}
	k := root.MustIAM("CreateAccessKey", "UserName", name)
	return &Client{Server: s, AccessKeyID: k.Text("AccessKeyId"), Secret: k.Text("SecretAccessKey"), Region: Region}
}
