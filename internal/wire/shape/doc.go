// Package shape holds the requests and responses of the API as Go types, generated from api/kms.json.
//
// A request is read with DecodeJSON, which knows JSON, and then checked with Validate, which knows the
// model's constraints; a response is written with AppendJSON. Member names are the wire's (KeyId,
// CiphertextBlob). The zero value of a field means "absent": every integer of the model is at least 1,
// and whether an empty string or blob was really sent matters to Validate alone, which remembers.
//
// The types that can be part of a request carry that memory in an unexported field, so compare their
// members rather than the structs.
package shape

//go:generate go run qkms/api/gen

// A Request is what a client sends. Decode and validate before reading any field.
type Request interface {
	// DecodeJSON replaces the request by what body says. It returns a *fault.Error with code
	// Serialization when body is not one well-formed JSON object whose members have the types of the
	// model. It keeps no reference to body. An empty body is an empty object.
	DecodeJSON(body []byte) error

	// Validate checks the constraints of the model and returns nil or one *fault.Error with code
	// Validation that lists all violations.
	Validate() error
}

// An Encoder is a response, or a part of one.
type Encoder interface {
	// AppendJSON appends the value as compact JSON.
	AppendJSON(dst []byte) []byte
}

// A DryRunner is a request that can ask to be decided upon but not carried out.
type DryRunner interface{ IsDryRun() bool }

// A TokenBearer is a request that can carry grant tokens.
type TokenBearer interface{ Tokens() []string }

// An Operation is one operation of the API as the model describes it.
type Operation struct {
	Name    string
	Input   string         // Go type of the request
	Output  string         // Go type of the response; empty: the answer has no body
	New     func() Request // a new, empty request
	Errors  []string       // modelled exceptions; any operation may also answer the unmodelled ones
	DryRun  bool           // the request has a DryRun member
	Members []string       // names of the request's members, in model order
	Secrets []string       // those of Members that hold what must never be printed or recorded
}

// Find returns the operation of that exact name, or nil.
func Find(name string) *Operation {
	i, found := operationByName[name]
	if !found {
		return nil
	}
	return &Operations[i]
}

var operationByName = func() map[string]int {
	m := make(map[string]int, len(Operations))
	for i := range Operations {
		m[Operations[i].Name] = i
	}
	return m
}()
