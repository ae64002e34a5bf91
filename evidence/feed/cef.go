package feed

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// cefSeverity is the weight on CEF's scale of 0 to 10.
var cefSeverity = map[weight]int{informational: 2, low: 4, medium: 6, high: 8}

// CEF makes a line of the Common Event Format, version 0.
func CEF(e Event) ([]byte, error) {
	d := e.Decision
	outcome := "success"
	if failed(d.Verb) {
		outcome = "failure"
	}
	hash := tlog.RecordHash(e.Leaf)
	var b strings.Builder
	fmt.Fprintf(&b, "CEF:0|Drawbridge|Drawbridge|%s|%s|%s|%d|", cefHeader(e.Version), cefHeader(string(d.Verb)), cefHeader(string(d.Verb)+" "+kindOf(d.Subject)), cefSeverity[weigh(d.Verb)])
	for i, field := range []struct{ key, value string }{
		{"rt", fmt.Sprint(d.Time.UnixMilli())},
		{"externalId", d.ID},
		{"act", string(d.Verb)},
		{"outcome", outcome},
		{"suser", d.Actor},
		{"duid", d.Subject},
		{"duser", e.UserName},
		{"msg", text(e)},
		{"reason", d.Reason},
		{"cn1Label", "sequence"}, {"cn1", fmt.Sprint(e.Seq)},
		{"cs1Label", "object"}, {"cs1", d.Object},
		{"cs2Label", "because"}, {"cs2", strings.Join(d.Because, " ")},
		{"cs3Label", "policy"}, {"cs3", d.Policy},
		{"cs4Label", "mode"}, {"cs4", string(d.Mode)},
		{"cs5Label", "log"}, {"cs5", e.Log},
		{"cs6Label", "leafHash"}, {"cs6", hash.String()},
	} {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(field.key + "=" + cefValue(field.value))
	}
	return []byte(b.String()), nil
}

// kindOf says in a word what a subject is.
func kindOf(subject string) string {
	if isIdentity(subject) {
		return "identity"
	}
	kind, _, _ := strings.Cut(subject, "/")
	return kind
}

// cefHeader is a text in the part between bars.
func cefHeader(text string) string {
	return strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\r", " ", "\n", " ").Replace(text)
}

// cefValue is a text behind a key.
func cefValue(text string) string {
	return strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\r", `\r`, "\n", `\n`).Replace(text)
}
