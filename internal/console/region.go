package console

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"qkms/internal/key"
)

// serves reports whether requests can be signed for a Region. To one signed for any other the pipeline says what it says to a wrong
// signature.
func (s *Console) serves(region string) bool {
	return key.IsRegion(region) && (s.Regions == nil || slices.Contains(s.Regions, region))
}

// unserved is why nothing can be done in a Region; nil where it is served. Which are served is for those who are signed in.
func (v *visit) unserved(region string) error {
	switch {
	case v.serves(region):
		return nil
	case !key.IsRegion(region):
		return &Refusal{Status: http.StatusBadRequest, Code: "InvalidRegion", Message: "A Region is written like us-east-1."}
	}
	r := &Refusal{Status: http.StatusBadRequest, Code: "RegionNotServed", Message: fmt.Sprintf("This server does not serve the Region %s.", region)}
	if v.session != nil {
		r.Message += fmt.Sprintf(" It serves %s, as its operator has said (--regions).", strings.Join(v.Regions, ", "))
	}
	return r
}

// outside is unserved of the Region that the visitor is in: a session outlives a restart of the server, which may serve others from then on.
func (v *visit) outside() error {
	if v.session == nil {
		return nil
	}
	return v.unserved(v.session.Region)
}

func (v *visit) changeRegion() error {
	s := *v.session
	s.Region = strings.TrimSpace(v.hr.PostForm.Get("region"))
	if err := v.unserved(s.Region); err != nil {
		return err
	}
	if err := v.keep(&s); err != nil {
		return err
	}
	if to := v.hr.PostForm.Get("to"); to != "" { // what is in both
		return v.redirect(back(to))
	}
	return v.redirect("/console/keys") // what the page was about is in the other Region
}
