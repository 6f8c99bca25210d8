package reference

import (
	"regexp"

	"qkms/internal/key"
)

// An Example is one request and what a server answered to it. TestExamples asks one again, each time.
type Example struct {
	Title string
	About string   // "" where the title says it all
	Steps []string // what was done before, one request each: "K = CreateKey {…}" keeps the answer as $K

	Request  string   // in JSON, with members of answers as $K.KeyMetadata.KeyId
	Same     []string // members of the answer that are the same each time, though the model cannot know
	exchange `yaml:"-"`
}

// An exchange is a request as it was sent and what was answered.
type exchange struct {
	Sent   string
	Status int    // of HTTP
	Got    string // "" where the answer has no body
}

var step = regexp.MustCompile(`^(?:[A-Z] = )?([A-Z]\w+) `)

// Before are the operations that were asked before, in order.
func (e *Example) Before() (names []string) {
	for _, s := range e.Steps {
		if m := step.FindStringSubmatch(s); m != nil {
			names = append(names, m[1])
		}
	}
	return names
}

var arn = regexp.MustCompile(`arn:aws:kms:[a-z0-9-]+:(\d{12}):`)

// In returns text with the ARNs of keys and aliases as a deployment of that style has them.
func In(style key.Style, text string) string {
	if style != key.StyleVerenc {
		return text
	}
	return arn.ReplaceAllString(text, "arn:verenc:$1:")
}
