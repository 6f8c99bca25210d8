package wire

import (
	"net/http"
	"strings"

	"qkms/internal/fault"
)

// A strayError refuses a request that is not of this API. The front end that JSON services share
// answers those in XML, having found no service to speak for (access.md §1.6 P1, P2 [R]).
type strayError struct {
	fault  *fault.Error // what is recorded
	status int
	xml    string
}

func (e *strayError) Error() string { return e.fault.Error() }

func (e *strayError) Unwrap() error { return e.fault }

func misdirected(r *http.Request) error {
	if !hasCredentials(r) {
		return &strayError{
			fault.MissingAuthentication(), http.StatusForbidden,
			"<MissingAuthenticationTokenException>\n" +
				"  <Message>Missing Authentication Token</Message>\n" +
				"</MissingAuthenticationTokenException>\n",
		}
	}
	return &strayError{fault.UnknownTarget(), http.StatusNotFound, "<UnknownOperationException/>\n"}
}

// hasCredentials reports whether there is anything that looks like a signature, good or bad.
func hasCredentials(r *http.Request) bool {
	return len(r.Header["Authorization"]) > 0 || strings.Contains(r.URL.RawQuery, "X-Amz-Algorithm")
}
