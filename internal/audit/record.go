// Package audit keeps the record of every request.
//
// Start with Record (what is said about one request), Detail (the only values an operation can put
// into it) and Log (the append-only segment files). docs/formats/audit-record.md is the format, for
// readers that are not this program. This is not the operator's log: it has another type, another
// place, another retention, and it can fail a request.
package audit

import (
	"cmp"
	"time"
)

// Values of Record.EventSource.
const (
	SourceKMS   = "kms.amazonaws.com"
	SourceAdmin = "qkms.admin"
	SourceSTS   = "sts.amazonaws.com"
	SourceIAM   = "iam.amazonaws.com"

	// SourceOversight is of the API of ours that the console asks besides those of AWS.
	SourceOversight = "qkms.oversight"
)

// Values of Record.EventType.
const (
	TypeAPICall      = "AwsApiCall"
	TypeServiceEvent = "AwsServiceEvent"
	TypeAdminAction  = "QkmsAdminAction"
)

// A Record is what the log says about one request or one act of the service itself, in the shape of
// a CloudTrail management event (access.md §7.1). Texts may come from the network as they are: they
// are cut to the format's limits, and rendered so that none can end its line or its string.
//
// A Record is filled by one goroutine; Encode may be called by many once its EventID is set.
type Record struct {
	Time      time.Time // completion; recorded in UTC to the second
	EventID   string    // UUIDv4, unique per record; empty: Encode sets a fresh one
	RequestID string    // what the caller got in x-amzn-RequestId; empty on service events

	EventName   string // the operation; empty: "Unknown"
	EventSource string // empty: SourceKMS
	EventType   string // empty: TypeAPICall

	Region           string
	SourceIP         string
	UserAgent        string // cut to 1 KiB
	Identity         Identity
	RecipientAccount string // the account whose log this is; empty when nobody was authenticated
	SharedEventID    string // what the two copies of a cross-account call have in common

	ErrorCode    string // empty: success. AccessDeniedException is recorded as AccessDenied
	ErrorMessage string // what the caller was told; cut to 1 KiB

	Request        Detail // null in the record of a call that was not authorized
	Response       Detail // null in the record of any failure
	Additional     Detail
	Authorization  Verdicts // within additionalEventData; nil: nothing was decided
	ServiceDetails Detail   // on service events

	ReadOnly  bool
	Resources []Resource // what was touched, in the operation's order
	TLS       *TLS       // nil: plain HTTP, which leaves no trace in the record
}

// Values of Identity.Type of who has no access key: the holder of an identity provider's token, and that of
// the key of a TLS client certificate.
const (
	TypeWebIdentity = "WebIdentityUser"
	TypeCertificate = "CertificateUser" // ours: CloudTrail has none
)

// An Identity is who made the request (access.md §7.2). The zero Identity is somebody who was never
// authenticated, rendered as type Unknown; AccessKeyID may then carry what they claimed.
type Identity struct {
	Type             string // Root, IAMUser, AssumedRole, FederatedUser, AWSAccount, AWSService, WebIdentityUser, CertificateUser
	PrincipalID      string
	ARN              string
	AccountID        string
	AccessKeyID      string
	UserName         string
	IdentityProvider string
	InvokedBy        string // the service that forwarded the call, or "AWS Internal"
	Session          *Session
}

// A Session is how temporary credentials came to be.
type Session struct {
	Issuer           Issuer
	Created          time.Time
	MFAAuthenticated bool
	SourceIdentity   string
	Provider         string // ARN of who vouched for the web identity; empty of other sessions
}

// An Issuer is the role or user from which a session was taken.
type Issuer struct {
	Type        string // Role, IAMUser or Root
	PrincipalID string
	ARN         string
	AccountID   string
	UserName    string
}

// A Resource is a key the request touched, or a role. An alias has its own entry, with the alias ARN.
type Resource struct {
	Type      string // empty: AWS::KMS::Key, which aliases are too (access.md §7.1)
	AccountID string
	ARN       string
}

// TLS is what the connection was.
type TLS struct {
	Version     string // TLSv1.3
	CipherSuite string // TLS_AES_128_GCM_SHA256
	Host        string // the Host header as the client sent it
	KeyExchange string // X25519MLKEM768
}

// stranger reports whether r is of a request whose sender was never authenticated, or is known to an identity
// provider alone: everybody has an account with some of those that roles trust.
func (r *Record) stranger() bool {
	who := r.Identity.Type
	return (who == "" || who == TypeWebIdentity && r.ErrorCode != "") && cmp.Or(r.EventType, TypeAPICall) == TypeAPICall
}
