// Package notice tells people: by mail, by a signed webhook, and where a chat takes what
// Slack takes.
//
// A Message is all that one person is told at once. What it says of each thing is made
// of templates, which ship and which an operator may put others in the place of. A
// Channel tells it or says why not; it knows no store, and decides nothing.
package notice

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"text/template"
	"time"

	"drawbridge/schema"
)

// A To is who is told.
type To struct {
	ID        string // as notices have it
	Name      string
	Address   string   // of mail; empty where none is known
	Operators bool     // it is for whoever operates the bridge
	Left      []string // of the operators' addresses those that do not have it yet; all of them, where it is empty
	But       []string // those whom it is not for: they are told of it by themselves
}

// An Item is one thing that somebody is told.
type Item struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	What    string `json:"what"`
	Link    string `json:"link,omitempty"`
	Due     string `json:"due,omitempty"`
}

// A Message is what one person is told at once.
type Message struct {
	ID    string // the same each time that it is tried
	To    To
	Items []Item
	More  int    // how many things there are besides, which it does not say
	Link  string // where all of them are
	At    time.Time
}

// Of makes a message: of more than fits, it says the first, and how much more there is.
func Of(id string, to To, notices []schema.Notice, url string, at time.Time) Message {
	m := Message{ID: id, To: to, Items: ItemsOf(notices, url), Link: url + "/console/", At: at}
	if len(m.Items) > MostItems {
		m.More, m.Items = len(m.Items)-MostItems, m.Items[:MostItems]
	}
	return m
}

// A Channel is a way to tell people.
type Channel interface {
	Name() string
	// Reaches reports whether somebody can be told by it.
	Reaches(to To) bool
	// Send tells it. A Refusal says that this one cannot be told, whereas others can; what
	// was not told for any other reason may be tried again.
	Send(ctx context.Context, m Message) error
}

// A Refusal is of a message that a way does not take for whom it is for: there is no such
// address. It says nothing of what is for others.
type Refusal struct { //nolint:errname // it is an answer
	Reason string   // without an address: it is kept where nothing is forgotten
	Some   bool     // others whom it was for have it
	Again  bool     // it may be taken later
	Left   []string // by whom, where others have it: nobody is to get it twice
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// A Trial is what one way made of a message that asks nothing of anybody.
type Trial struct {
	Channel string `json:"channel"`
	Reaches bool   `json:"reaches" doc:"Somebody like that can be told by it."`
	Problem string `json:"problem,omitempty" doc:"Why it did not take it."`
}

// MostItems is how many things one message says in words.
const MostItems = 50

// ItemsOf makes items of notices, with links below a URL.
func ItemsOf(notices []schema.Notice, url string) (items []Item) {
	for _, n := range notices {
		i := Item{Kind: n.Kind, Subject: n.Subject, What: n.What}
		if n.Path != "" {
			i.Link = url + n.Path
		}
		if !n.Due.IsZero() {
			i.Due = n.Due.UTC().Format("2006-01-02 15:04 UTC")
		}
		items = append(items, i)
	}
	return items
}

//go:embed templates
var shipped embed.FS

// Templates are how messages read: subject.txt, mail.txt and slack.txt.
type Templates struct{ all *template.Template }

// ReadTemplates reads those that ship, and those of a folder in their place, which may
// be nil. One that cannot say a message is an error.
func ReadTemplates(folder fs.FS) (*Templates, error) {
	all, err := template.New("").Option("missingkey=error").ParseFS(shipped, "templates/*.txt")
	if err != nil {
		return nil, err
	}
	if folder != nil {
		names, err := fs.Glob(folder, "*.txt")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if all.Lookup(name) == nil {
				return nil, fmt.Errorf("template %s: nothing is made of it; there are subject.txt, mail.txt and slack.txt: %w", name, schema.ErrInvalid)
			}
		}
		if len(names) > 0 {
			if all, err = all.ParseFS(folder, "*.txt"); err != nil {
				return nil, fmt.Errorf("%w: %w", schema.ErrInvalid, err)
			}
		}
	}
	t := &Templates{all}
	for _, name := range []string{"subject.txt", "mail.txt", "slack.txt"} {
		trial := Message{Items: []Item{{What: "x", Due: "x", Link: "x"}, {What: "y"}}, More: 1, Link: "x"}
		if _, err := t.text(name, trial); err != nil {
			return nil, fmt.Errorf("%w: %w", schema.ErrInvalid, err)
		}
	}
	return t, nil
}

func (t *Templates) text(name string, m Message) (string, error) {
	var b bytes.Buffer
	if err := t.all.ExecuteTemplate(&b, name, m); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// line is a text on one line, no longer than a header should be.
func line(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 150 {
		s = string(runes[:149]) + "…"
	}
	return s
}
