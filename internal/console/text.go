package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// functions are what templates may call.
func functions(a *assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.path,
		"plain": plain,
		"when":  when,
		"epoch": epoch,
		"json":  indented,
		"prose": prose,
		"under": strings.HasPrefix,
		"bytes": byteSize,
		"span":  inWords,
		"took":  took,
		"share": func(of int64, percent int64) int64 { return of / 100 * percent },
	}
}

// plain shows text that somebody else wrote as text and nothing else: markup is escaped, and what cannot be seen, such as
// the marks that turn the reading direction and make one name look like another, is shown by its number. <bdi> keeps
// the direction of its letters from what stands beside it (Unicode TR 36 §2.5).
func plain(text string) template.HTML {
	var b strings.Builder
	b.WriteString(`<bdi class="plain">`)
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `<span class="unseen">\x%02X</span>`, text[0])
		case r == '\n' || r == '\t' || r == ' ':
			b.WriteRune(r)
		case invisible(r):
			fmt.Fprintf(&b, `<span class="unseen">U+%04X</span>`, r)
		default:
			template.HTMLEscape(&b, []byte(text[:size]))
		}
		text = text[size:]
	}
	b.WriteString("</bdi>")
	return template.HTML(b.String()) //nolint:gosec // escaped rune by rune
}

// when shows a time with its zone, which is UTC's everywhere, as in the audit log; the zero time is a dash.
func when(t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="none">–</span>`
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2006-01-02 15:04:05 MST") + `</time>`) //nolint:gosec // of digits
}

// An Epoch is a time as answers of KMS have it: seconds since 1970, with a fraction.
type Epoch float64

// Time is the zero time of nothing.
func (e Epoch) Time() time.Time {
	if e == 0 {
		return time.Time{}
	}
	sec, frac := math.Modf(float64(e))
	return time.Unix(int64(sec), int64(frac*1e9))
}

func epoch(e Epoch) template.HTML { return when(e.Time()) }

// indented is JSON for people; a text that is none is shown as it is. What cannot be seen is written by its number, as
// JSON may have any letter, so that no line reads otherwise than it is.
func indented(v any) string {
	if text, ok := v.(string); ok {
		if !json.Valid([]byte(text)) {
			return numbered(text)
		}
		v = json.RawMessage(text)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // templates do
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return numbered(strings.TrimSuffix(b.String(), "\n"))
}

// numbered writes letters that cannot be seen as JSON escapes them.
func numbered(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || r == ' ' || !invisible(r) {
			b.WriteRune(r)
			continue
		}
		for _, half := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, half)
		}
	}
	return b.String()
}

// invisible reports whether a letter leaves no mark of its own, or changes how others are read.
func invisible(r rune) bool {
	return !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r)
}

// byteSize is a number of bytes as people say it.
func byteSize(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return fmt.Sprintf("%.*f %ciB", digits(f), f, units[i])
}

// digits are those worth saying behind the point.
func digits(f float64) int {
	if f < 10 {
		return 1
	}
	return 0
}

// inWords is a time span as exactly as people want it.
func inWords(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}, {time.Second, "seconds"}} {
		if d >= 2*u.of {
			return fmt.Sprintf("%d %s", d/u.of, u.name)
		}
	}
	return d.Round(time.Millisecond).String()
}

// took is how long requests took, with three digits; none did, of 0.
func took(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return short(float64(d)/float64(time.Millisecond)) + " ms"
}
