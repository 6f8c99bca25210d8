// Package query is the AWS Query protocol: a form goes in, XML comes out, or JSON of a Service of our own.
//
// Start with Service, which is an API that speaks it, then Op, which is one of its operations. Asked tells
// such a request, Read takes it in, Answer and Refuse send the two kinds of response. What happens in
// between is the pipeline's (internal/server), and the rows are those of packages iam and sts.
package query

import "qkms/internal/authn"

// A Service is an API of this protocol.
type Service struct {
	Signing   string // the service of a signature's scope: iam, sts
	Version   string // of the API: what a request calls it by
	Namespace string // of its XML
	Source    string // eventSource of audit records
	Failure   string // what it calls a failure of its own: ServiceFailure
	JSON      bool   // answers and refusals are JSON, as those of KMS; Namespace and Failure are nothing then
	Table     []Row

	// Admits refuses callers whom the service does not serve, whatever their policies say; nil admits all.
	Admits func(*authn.Caller) error

	byName map[string]Row
}

// New returns s with its table indexed.
func New(s Service) *Service {
	s.byName = make(map[string]Row, len(s.Table))
	for _, r := range s.Table {
		s.byName[r.Operation()] = r
	}
	return &s
}

// Row finds an operation, or nil.
func (s *Service) Row(action string) Row { return s.byName[action] }
