package server

import (
	"crypto/tls"
	"net/http"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/wire"
)

// describe fills in what is known of a request before anybody is believed.
func describe(rec *audit.Record, hr *http.Request, operation string) {
	rec.EventName, rec.SourceIP, rec.UserAgent = operation, wire.Peer(hr), hr.UserAgent()
	if t := hr.TLS; t != nil {
		rec.TLS = &audit.TLS{Version: tlsVersion(t.Version), CipherSuite: cipherSuite(t.CipherSuite), Host: hr.Host}
		if t.CurveID != 0 {
			rec.TLS.KeyExchange = t.CurveID.String()
		}
	}
}

// tlsVersion is how CloudTrail spells it: TLSv1.3.
func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return tls.VersionName(v)
}

// cipherSuite is tls.CipherSuiteName, which makes a list of all suites to find one.
func cipherSuite(id uint16) string {
	if name, known := cipherSuites[id]; known {
		return name
	}
	return tls.CipherSuiteName(id)
}

var cipherSuites = func() map[uint16]string {
	names := map[uint16]string{}
	for _, c := range tls.CipherSuites() {
		names[c.ID] = c.Name
	}
	return names
}()

// identify fills in who is asking.
func identify(rec *audit.Record, c *authn.Caller) {
	rec.Region, rec.RecipientAccount = c.Region, c.Account
	rec.Identity = audit.Identity{Type: c.Kind, PrincipalID: c.PrincipalID, ARN: c.ARN, AccountID: c.Account, AccessKeyID: c.AccessKeyID}
	switch {
	case c.Kind == authn.KindService:
		rec.Identity = audit.Identity{Type: c.Kind, InvokedBy: c.ARN, AccessKeyID: c.AccessKeyID}
	case c.User != nil:
		rec.Identity.UserName = c.User.Name
	}
	if s := c.Session; s != nil {
		rec.Identity.InvokedBy = s.Via
		rec.Identity.Session = &audit.Session{Created: s.Issued, SourceIdentity: s.SourceIdentity, Provider: s.Provider}
	}
	if r := c.Role; r != nil {
		rec.Identity.Session.Issuer = audit.Issuer{Type: "Role", PrincipalID: r.Id, ARN: r.ARN, AccountID: r.Account, UserName: r.Name}
	}
}

// keyUsed notes that an access key has signed, for GetAccessKeyLastUsed: for which service, and in which Region.
func (s *Server) keyUsed(by *party) {
	c := by.caller
	if c.Session != nil { // of temporary credentials nobody can ask
		return
	}
	s.ops.LastUses.Note(lastuse.Key{Account: c.Account, ID: c.AccessKeyID}, lastuse.Use{Operation: c.Scope, At: by.at.UnixMilli()})
}

// used notes a success for GetKeyLastUsage, in the words of its record.
func (s *Server) used(rec *audit.Record, keys []*key.Key) {
	for _, k := range keys {
		s.ops.LastUses.Note(
			lastuse.Key{Account: k.Account, Region: k.Region, ID: k.Id},
			lastuse.Use{Operation: rec.EventName, At: rec.Time.UnixMilli(), EventID: rec.EventID, RequestID: rec.RequestID},
		)
	}
}

// touch lists the aliases and then the keys of a request, each in the operation's order.
func (s *Server) touch(x *exchange, needs []key.Need, keys []*key.Key) {
	rec, caller := &x.rec, x.from.caller
	rec.Resources = x.resources[:0]
	for _, n := range needs {
		if n.Alias != "" {
			arn := s.ops.Naming.Alias(caller.Account, caller.Region, n.Alias)
			rec.Resources = append(rec.Resources, audit.Resource{AccountID: caller.Account, ARN: arn})
		}
	}
	for _, k := range keys {
		if k != nil {
			rec.Resources = append(rec.Resources, audit.Resource{AccountID: k.Account, ARN: k.ARN})
		}
	}
	if caller.Kind == authn.KindService && len(rec.Resources) > 0 {
		rec.RecipientAccount = rec.Resources[0].AccountID // a service has no account: the record is the owner's
	}
}
