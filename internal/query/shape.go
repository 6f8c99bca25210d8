package query

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A shape is what the model of an API says of the values of a parameter [M]. min and max are of the length
// of a text or a list, in characters or members, or of a number; max 0 is none.
type shape struct {
	min, max int
	pattern  *pattern
	enum     []string
	secret   bool // its value stands in no error
}

// A pattern is a regular expression in AWS's spelling and in ours. says, if any, is the sentence that IAM
// answers instead of the expression, %s being the parameter [R].
type pattern struct {
	source string
	re     *regexp.Regexp
	says   string
}

func newPattern(source, ours, says string) *pattern {
	if ours == "" {
		ours = source
	}
	return &pattern{source, regexp.MustCompile(`\A(?:` + ours + `)\z`), says}
}

const nameRule = "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"

var (
	anyName    = newPattern(`[\w+=,.@-]+`, "", nameRule)
	path       = newPattern(`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, `/|/[\x21-\x7E]+/`, "The specified value for %s is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	pathPrefix = newPattern(`\u002F[\u0021-\u007F]*`, `/[\x21-\x7F]*`, "The specified value for %s is invalid. It must begin with / and contain only alphanumeric characters and/or / characters.")
	policyPath = newPattern(`((/[A-Za-z0-9\.,\+@=_-]+)*)/`, "", "The specified value for %s is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	document   = newPattern(`[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\t\n\r\x20-\x{FF}]+`, "The specified value for %s is invalid. It must contain only printable ASCII characters.")
	marker     = newPattern(`[\u0020-\u00FF]+`, `[\x20-\x{FF}]+`, "")
	sessionID  = newPattern(`[\w+=,.@-]*`, "", "")
)

// shapes are those of IAM and STS, by the model's names without "Type". The sentences of the patterns that
// have one are IAM's.
var shapes = map[string]shape{
	"arn":                {min: 20, max: 2048},
	"existingUserName":   {min: 1, max: 128, pattern: anyName},
	"userName":           {min: 1, max: 64, pattern: anyName},
	"groupName":          {min: 1, max: 128, pattern: anyName},
	"roleName":           {min: 1, max: 64, pattern: anyName},
	"policyName":         {min: 1, max: 128, pattern: anyName},
	"path":               {min: 1, max: 512, pattern: path},
	"pathPrefix":         {min: 1, max: 512, pattern: pathPrefix},
	"policyPath":         {min: 1, max: 512, pattern: policyPath},
	"policyDocument":     {min: 1, max: 131072, pattern: document},
	"policyDescription":  {max: 1000},
	"policyVersionId":    {pattern: newPattern(`v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`, "", "The specified value for %s is invalid. It must be a version id such as v1.")},
	"roleDescription":    {max: 1000, pattern: newPattern(`[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, `[\t\n\r\x20-\x7E\x{A1}-\x{FF}]*`, "")},
	"maxSessionDuration": {min: 3600, max: 43200},
	"marker":             {min: 1, max: 2048, pattern: marker}, // the model's 320 are too few for a sealed one
	"maxItems":           {min: 1, max: 1000},
	"accessKeyId":        {min: 16, max: 128, pattern: newPattern(`[\w]+`, "", "The specified value for %s is invalid. It must contain only alphanumeric characters.")},
	"status":             {enum: []string{"Active", "Inactive"}},
	"policyScope":        {enum: []string{"All", "AWS", "Local"}},
	"policyUsage":        {enum: []string{"PermissionsPolicy", "PermissionsBoundary"}},
	"entityFilter":       {enum: []string{"User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"}},
	"tagKey":             {min: 1, max: 128, pattern: newPattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, "", "")},
	"tagValue":           {max: 256, pattern: newPattern(`[\p{L}\p{Z}\p{N}_.:/=+\-@]*`, "", "")},
	"tags":               {max: 50},
	"providerUrl":        {min: 1, max: 255},
	"clientID":           {min: 1, max: 255},
	"thumbprint":         {min: 40, max: 40},
	"serialNumber":       {min: 9, max: 256, pattern: newPattern(`[\w+=/:,.@-]+`, "", "")},

	"policyArns":       {max: 10},
	"roleSessionName":  {min: 2, max: 64, pattern: sessionID},
	"sourceIdentity":   {min: 2, max: 64, pattern: sessionID},
	"durationSeconds":  {min: 900, max: 43200},
	"sessionDuration":  {min: 900, max: 129600}, // GetSessionToken, GetFederationToken
	"externalId":       {min: 2, max: 1224, pattern: newPattern(`[\w+=,.@:\/-]*`, "", "")},
	"sessionPolicy":    {min: 1, max: 2048, pattern: newPattern(`[\u0009\u000A\u000D\u0020-\u00FF]+`, `[\t\n\r\x20-\x{FF}]+`, "")},
	"tokenCode":        {min: 6, max: 6, pattern: newPattern(`[\d]*`, "", ""), secret: true},
	"clientToken":      {min: 4, max: 20000, secret: true},
	"providerId":       {min: 4, max: 2048},
	"federatedName":    {min: 2, max: 32, pattern: sessionID},
	"accessKeyIdOfSTS": {min: 16, max: 128, pattern: newPattern(`[\w]*`, "", "")},

	// Of our own API, which has no model.
	"eventFilter": {max: 2048},
	"moment":      {pattern: newPattern(`\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?Z)?`, "", "")},
	"eventCount":  {min: 1, max: 50},
	"hours":       {min: 1, max: 168},
	"sequence":    {min: 0, max: 1 << 62},
}

// A finding is one value that broke a constraint.
type finding struct {
	at         string // lowerCamel, with the indices of lists: tags.1.member.key
	value      string // as it is printed
	constraint string
	says       string // the sentence that stands for all of it, if any
}

func (f finding) String() string {
	return fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", f.value, f.at, f.constraint)
}

// text judges a text.
func (s *shape) text(at, v string) (all []finding) {
	quoted := "'" + v + "'"
	if s.secret {
		quoted = "'***'"
	}
	n := utf8.RuneCountInString(v)
	switch {
	case n < s.min:
		all = append(all, finding{at: at, value: quoted, constraint: "Member must have length greater than or equal to " + strconv.Itoa(s.min)})
	case s.max > 0 && n > s.max:
		all = append(all, finding{at: at, value: quoted, constraint: "Member must have length less than or equal to " + strconv.Itoa(s.max)})
	}
	if p := s.pattern; p != nil && n > 0 && !p.re.MatchString(v) {
		f := finding{at: at, value: quoted, constraint: "Member must satisfy regular expression pattern: " + p.source}
		if p.says != "" {
			f.says = fmt.Sprintf(p.says, at)
		}
		all = append(all, f)
	}
	if s.enum != nil && !slices.Contains(s.enum, v) {
		all = append(all, finding{at: at, value: quoted, constraint: "Member must satisfy enum value set: [" + strings.Join(s.enum, ", ") + "]"})
	}
	return all
}

// number judges a number.
func (s *shape) number(at string, n int) []finding {
	value := "'" + strconv.Itoa(n) + "'"
	switch {
	case n < s.min:
		return []finding{{at: at, value: value, constraint: "Member must have value greater than or equal to " + strconv.Itoa(s.min)}}
	case s.max > 0 && n > s.max:
		return []finding{{at: at, value: value, constraint: "Member must have value less than or equal to " + strconv.Itoa(s.max)}}
	}
	return nil
}

// length judges how many members a list has.
func (s *shape) length(at string, n int) []finding {
	value := "'[" + strconv.Itoa(n) + " members]'"
	switch {
	case n < s.min:
		return []finding{{at: at, value: value, constraint: "Member must have length greater than or equal to " + strconv.Itoa(s.min)}}
	case s.max > 0 && n > s.max:
		return []finding{{at: at, value: value, constraint: "Member must have length less than or equal to " + strconv.Itoa(s.max)}}
	}
	return nil
}

// Fits reports whether v, which did not come as a parameter, could have: as one of the named shape.
func Fits(name, v string) bool {
	s := shapeNamed(name)
	return len(s.text("", v)) == 0
}
