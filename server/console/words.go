package console

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"drawbridge/schema"
)

//go:embed templates
var templates embed.FS

// parse reads every template: each page is the layout, with its own main part.
func parse(c *Console) (map[string]*template.Template, error) {
	layout, err := template.New("").Funcs(c.words()).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	files, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for _, f := range files {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, path.Join("templates", f.Name()))
		}
		if err != nil {
			return nil, err
		}
		all[name] = t
	}
	return all, nil
}

// words are what templates may say beside what they are given.
func (c *Console) words() template.FuncMap {
	return template.FuncMap{
		"link":     c.link,
		"asset":    func(name string) string { return c.base + Root + "assets/" + name + "?v=" + url.QueryEscape(c.Version) },
		"when":     when,
		"span":     span,
		"short":    short,
		"lasts":    lasts,
		"count":    count,
		"many":     many,
		"ref":      c.ref,
		"may":      func(s sheet, action string) bool { return s.Who.May(leastOf(action)) },
		"of":       func(s sheet, v any) sheet { s.Main = v; return s },
		"pair":     func(s sheet, a, b any) sheet { s.Main = [2]any{a, b}; return s },
		"sentence": sentenceOf,
		"join":     strings.Join,
		"has":      strings.Contains,
		"list":     func(v ...any) []any { return v },
		"add":      func(a, b int) int { return a + b },
		"runid":    func(id string) string { return strings.Replace(id, "/", ":", 1) }, // as the API takes it in a path
		"div":      func(a, b int) int { return a * 100 / max(1, b) },
	}
}

// leastOf is the role that an action takes.
func leastOf(path string) schema.APIRole {
	for _, a := range actions() {
		if a.path == path {
			return a.least
		}
	}
	return "nobody"
}

// link is the address of one of our pages: its parts, each escaped, and where a part
// begins with ? what is asked: name, value.
func (c *Console) link(parts ...string) string {
	var at strings.Builder
	at.WriteString(c.base + strings.TrimSuffix(Root, "/"))
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, "?"); ok {
			q := url.Values{name: {strings.Join(parts[i+1:], "")}}
			at.WriteString("?" + q.Encode())
			break
		}
		at.WriteString("/" + url.PathEscape(part))
	}
	if len(parts) == 0 {
		at.WriteString("/")
	}
	return at.String()
}

// ref writes what the log names, such as role/NAME, with a link to where it can be seen.
func (c *Console) ref(s sheet, ref string) template.HTML {
	text, at := c.about(s, ref)
	if at == "" {
		return template.HTML(html.EscapeString(text)) //nolint:gosec // it is escaped
	}
	return template.HTML(`<a href="` + html.EscapeString(at) + `">` + html.EscapeString(text) + `</a>`) //nolint:gosec // it is escaped
}

// about says what to call what the log names, and where it can be seen.
func (c *Console) about(s sheet, ref string) (text, at string) {
	kind, name, ok := strings.Cut(ref, "/")
	if !ok {
		return short(ref), ""
	}
	switch kind {
	case "role":
		return ref, c.link("roles", name)
	case "identity":
		if called := s.Called(name); called != "" {
			return called, c.link("people", name)
		}
		return "identity " + short(name), ""
	case "sweep":
		return ref, c.link("sweeps", name)
	case "role-request":
		return "request " + short(name), c.link("requests", name)
	case "publication":
		return "publication " + short(name), c.link("policy", "publications", name)
	case "bypass":
		return "bypass " + short(name), c.link("bypasses", name)
	case "review":
		return "review " + short(name), c.link("reviews", name)
	case "connector":
		return ref, c.link("connectors", name)
	case "hold":
		return ref, c.link("held")
	case "grant", "exception", "run", "policy":
		return kind + " " + short(name), ""
	}
	return ref, ""
}

// when says how long ago something was, or in how long it is, with the time itself
// for who asks.
func when(now, t time.Time) template.HTML {
	if t.IsZero() {
		return `<span class="none">never</span>`
	}
	t = t.UTC()
	words := "just now"
	switch d := now.Sub(t); {
	case d >= time.Second:
		words = span(d) + " ago"
	case d <= -time.Second:
		words = "in " + span(-d)
	}
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `" title="` + t.Format("2006-01-02 15:04:05 UTC") + `">` + words + `</time>`) //nolint:gosec // nothing of it is anybody's text
}

// span says how long something takes, with as many digits as one reads.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + span(-d)
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days"
}

// lasts says how long something may last, as the API writes it.
func lasts(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return span(d)
}

// sentenceOf writes a text as a sentence.
func sentenceOf(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	text = string(unicode.ToUpper(first)) + text[size:]
	if strings.ContainsAny(text[len(text)-1:], ".!?") {
		return text
	}
	return text + "."
}

// short is how an id or a digest begins: enough to tell it from others by eye.
func short(id string) string {
	if len(id) == 36 && strings.Count(id, "-") == 4 {
		return id[len(id)-8:] // ids begin with the time: those of one moment differ at their end
	}
	if len(id) > 20 && !strings.ContainsAny(id, " /@") {
		return id[:12]
	}
	return id
}

// count writes a number with its thousands apart.
func count(n any) string {
	var text string
	switch n := n.(type) {
	case int:
		text = strconv.Itoa(n)
	case int64:
		text = strconv.FormatInt(n, 10)
	default:
		return fmt.Sprint(n)
	}
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "\u202f" + text[at:]
	}
	return text
}

// many writes a number of things: 1 account, 2 accounts.
func many(n int, one string, several ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(several) > 0:
		return count(n) + " " + several[0]
	}
	return count(n) + " " + one + "s"
}
