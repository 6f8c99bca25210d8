package audit

import (
	"cmp"
	"time"

	"qkms/internal/uuid"
)

// Limits in bytes: access.md §7.1 where it names one (before escaping for texts, after it for
// details), the API model's for names and ARNs. serviceEventDetails has none there and gets the
// largest.
const (
	maxText       = 1 << 10
	maxARN        = 2048
	maxKeyID      = 128 // of an access key, which for a stranger is whatever they sent
	maxDetail     = 100 << 10
	maxAdditional = 28 << 10
)

const timeLayout = "2006-01-02T15:04:05Z"

// Encode renders the record: one JSON object without a newline and without the sequence number,
// which the log adds. It is what an outbox keeps and AppendEncoded takes. The same record always
// gives the same bytes; an empty EventID is set first.
func (r *Record) Encode() []byte {
	if r.EventID == "" {
		r.EventID = uuid.New()
	}
	return r.append(make([]byte, 0, firstBytes))
}

// append renders the record after b. The order is that of CloudTrail's own samples (§7.4).
func (r *Record) append(b []byte) []byte {
	e := &encoder{append(b, `{"eventVersion":"1.11"`...)}
	e.identity(&r.Identity, r.EventType == TypeServiceEvent)
	e.time("eventTime", r.Time)
	e.text("eventSource", cmp.Or(r.EventSource, SourceKMS), maxText)
	e.text("eventName", cmp.Or(r.EventName, "Unknown"), maxText)
	e.text("awsRegion", r.Region, maxText)
	e.text("sourceIPAddress", r.SourceIP, maxText)
	e.text("userAgent", r.UserAgent, maxText)
	e.outcome(r)
	e.text("requestID", r.RequestID, maxText)
	e.text("eventID", r.EventID, maxText)
	e.bool("readOnly", r.ReadOnly)
	e.resources(r.Resources)
	e.text("eventType", cmp.Or(r.EventType, TypeAPICall), maxText)
	e.b = append(e.b, `,"managementEvent":true`...)
	e.text("recipientAccountId", r.RecipientAccount, maxText)
	e.text("sharedEventID", r.SharedEventID, maxText)
	if !r.ServiceDetails.empty() {
		e.detail("serviceEventDetails", r.ServiceDetails, maxDetail)
	}
	e.b = append(e.b, `,"eventCategory":"Management"`...)
	e.tls(r.TLS)
	e.close()
	return e.b
}

// outcome writes what was asked and what came of it. A call that was not authorized says nothing of
// its parameters, as its sender had no right to have them acted upon (§7.4); a failure has no answer.
func (e *encoder) outcome(r *Record) {
	code, request, response := r.ErrorCode, r.Request, r.Response
	if code == "AccessDeniedException" {
		code = "AccessDenied" // §7.1 [D]: the one exception recorded under another name
	}
	if code == "AccessDenied" {
		request = nil
	}
	if code != "" {
		response = nil
	}
	e.text("errorCode", code, maxText)
	e.text("errorMessage", r.ErrorMessage, maxText)
	e.detail("requestParameters", request, maxDetail)
	e.detail("responseElements", response, maxDetail)
	e.additional(r)
}

// identity writes userIdentity. The service's own acts have no type (§7.2); anybody else without
// one was never authenticated.
func (e *encoder) identity(id *Identity, service bool) {
	e.open("userIdentity")
	if !service {
		e.text("type", cmp.Or(id.Type, "Unknown"), maxText)
	}
	e.text("principalId", id.PrincipalID, maxText)
	e.text("arn", id.ARN, maxARN)
	e.text("accountId", id.AccountID, maxText)
	e.text("accessKeyId", id.AccessKeyID, maxKeyID)
	e.text("userName", id.UserName, maxText)
	if id.Session != nil {
		e.session(id.Session)
	}
	e.text("identityProvider", id.IdentityProvider, maxText)
	e.text("invokedBy", id.InvokedBy, maxText)
	e.close()
}

func (e *encoder) session(s *Session) {
	e.open("sessionContext")
	e.open("sessionIssuer")
	e.text("type", s.Issuer.Type, maxText)
	e.text("principalId", s.Issuer.PrincipalID, maxText)
	e.text("arn", s.Issuer.ARN, maxARN)
	e.text("accountId", s.Issuer.AccountID, maxText)
	e.text("userName", s.Issuer.UserName, maxText)
	e.close()
	e.open("attributes")
	e.time("creationDate", s.Created)
	mfa := "false" // a string, not a boolean (§7.2)
	if s.MFAAuthenticated {
		mfa = "true"
	}
	e.text("mfaAuthenticated", mfa, maxText)
	e.close()
	if s.Provider != "" {
		e.open("webIdFederationData")
		e.text("federatedProvider", s.Provider, maxARN)
		e.close()
	}
	e.text("sourceIdentity", s.SourceIdentity, maxText)
	e.close()
}

func (e *encoder) resources(rs []Resource) {
	e.name("resources")
	list(e, rs, func(r Resource) {
		e.b = append(e.b, '{')
		e.text("accountId", r.AccountID, maxText)
		e.text("type", cmp.Or(r.Type, "AWS::KMS::Key"), maxText)
		e.text("ARN", r.ARN, maxARN)
		e.close()
	})
}

func (e *encoder) tls(t *TLS) {
	if t == nil {
		return
	}
	e.open("tlsDetails")
	e.text("tlsVersion", t.Version, maxText)
	e.text("cipherSuite", t.CipherSuite, maxText)
	e.text("clientProvidedHostHeader", t.Host, maxText)
	e.text("keyExchange", t.KeyExchange, maxText)
	e.close()
}

func (e *encoder) time(n string, t time.Time) {
	b := append(appendName(e.b, n), '"')
	e.b = append(t.UTC().AppendFormat(b, time.RFC3339), '"') // in UTC it ends in Z; the one layout that time need not parse
}
