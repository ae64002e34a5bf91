package access

import (
	"cmp"
	"slices"

	"drawbridge/policy"
	"drawbridge/store"
)

// An OwnersReport says who answers for what, and where that is thin: what hangs on one
// person alone, on somebody who is not there, or on somebody who has too much.
type OwnersReport struct {
	People []Answerer   `json:"people" nullable:"false"` // those of whom something is to be said first, then by how much they own
	Alone  []Unanswered `json:"alone" nullable:"false"`  // documents for which no two who are there answer
}

// An Answerer is somebody who answers for documents.
type Answerer struct {
	Who      string   `json:"who"`
	There    bool     `json:"there"`
	Left     bool     `json:"left,omitempty"`
	Owns     []string `json:"owns,omitempty"`
	DeputyOf []string `json:"deputyOf,omitempty"`
	Many     bool     `json:"many,omitempty"` // owns more than one person should
}

// An Unanswered is a document, and what is the matter with who answers for it.
type Unanswered struct {
	Ref    string `json:"ref"`
	Owner  string `json:"owner,omitempty"`
	Deputy string `json:"deputy,omitempty"`
	Why    string `json:"why"`
}

// Owners reports who answers for the documents of a policy; who owns more than so many
// is marked.
func Owners(r store.Reader, book *policy.Book, most int) (OwnersReport, error) {
	report := OwnersReport{People: []Answerer{}, Alone: []Unanswered{}}
	g := governance{book: book, reader: r, known: map[string]presence{}}
	people := map[string]*Answerer{}
	is := func(name string) (presence, *Answerer, error) {
		there, err := g.presence(name)
		who := people[store.Fold(name)]
		if who == nil {
			who = &Answerer{Who: name, There: there == here, Left: there == left}
			people[store.Fold(name)] = who
		}
		return there, who, err
	}
	for _, d := range book.Owned() {
		owner, deputy := unheard, unheard
		if d.User != "" {
			there, who, err := is(d.User)
			if err != nil {
				return report, err
			}
			owner, who.Owns = there, append(who.Owns, d.Ref)
		}
		if d.Deputy != "" {
			there, who, err := is(d.Deputy)
			if err != nil {
				return report, err
			}
			deputy, who.DeputyOf = there, append(who.DeputyOf, d.Ref)
		}
		if why := thin(d, owner, deputy); why != "" {
			report.Alone = append(report.Alone, Unanswered{d.Ref, d.User, d.Deputy, why})
		}
	}
	for _, who := range people {
		who.Many = len(who.Owns) > most
		report.People = append(report.People, *who)
	}
	slices.SortFunc(report.People, func(a, b Answerer) int {
		worry := func(p Answerer) int {
			if p.Left || p.Many {
				return 0
			}
			return 1
		}
		return cmp.Or(worry(a)-worry(b), len(b.Owns)-len(a.Owns), cmp.Compare(a.Who, b.Who))
	})
	return report, nil
}

// thin says what is the matter with who answers for a document.
func thin(d policy.Owned, owner, deputy presence) string {
	switch {
	case d.User == "":
		return "nobody owns it"
	case owner == left && deputy != here:
		return "its owner left, and no deputy is there"
	case owner == left:
		return "its owner left; the deputy answers for it"
	case d.Deputy == "":
		return "it has no deputy"
	case deputy == left:
		return "its deputy left"
	case owner == unheard:
		return "no source told of its owner"
	case deputy == unheard:
		return "no source told of its deputy"
	}
	return ""
}
