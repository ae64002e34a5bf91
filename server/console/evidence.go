package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The kinds of file that the API makes.
const (
	tarKind   = "application/x-tar"
	linesKind = "application/jsonl"
)

// evidencePage is what auditors take home.
type evidencePage struct {
	Frameworks []frameworkView
	From, To   string // the days that are proposed
	Signed     bool   // the log has a signed head
	Refused    string // why they may not
}

// A frameworkView is a framework that packs of evidence are made for.
type frameworkView struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Controls int    `json:"controls"`
}

func showEvidence(v *visit) (any, error) {
	quarter := time.Date(v.now.Year(), (v.now.Month()-1)/3*3+1, 1, 0, 0, 0, 0, time.UTC)
	p := evidencePage{From: quarter.AddDate(0, -3, 0).Format(time.DateOnly), To: quarter.AddDate(0, 0, -1).Format(time.DateOnly)}
	var found list[frameworkView]
	switch err := v.get(v.ctx, "/evidence", &found); {
	case statusOf(err) == http.StatusForbidden:
		p.Refused = err.Error()
	case err != nil:
		return nil, err
	}
	var head string
	err := v.get(v.ctx, "/log/checkpoint", &head) // a log of which nothing is signed has none
	p.Frameworks, p.Signed = found.Items, err == nil
	if statusOf(err) < http.StatusInternalServerError {
		err = nil
	}
	return p, err
}

// exportPack hands out a pack of evidence for a framework and a time.
func exportPack(v *visit) (any, error) {
	query := url.Values{}
	for _, name := range []string{"from", "to"} {
		at, err := moment(v.q(name), name == "to")
		if err != nil {
			return nil, err
		}
		query.Set(name, at)
	}
	if v.q("pseudonyms") != "" {
		query.Set("pseudonyms", "true")
	}
	framework := v.q("framework")
	text, err := v.open(v.ctx, "/evidence/"+seg(framework)+"?"+query.Encode(), tarKind)
	return file{name: plainName("evidence-"+framework+"-"+v.q("from")) + ".tar", kind: tarKind, text: text}, err
}

// exportLog hands out the signed log, to be verified offline.
func exportLog(v *visit) (any, error) {
	text, err := v.open(v.ctx, "/log/export", linesKind)
	return file{name: "log.jsonl", kind: linesKind, text: text}, err
}

// exportReview hands out what came of a review.
func exportReview(v *visit) (any, error) {
	id := v.r.PathValue("id")
	text, err := v.open(v.ctx, "/reviews/"+seg(id)+"/result", linesKind)
	return file{name: plainName("review-"+id) + ".jsonl", kind: linesKind, text: text}, err
}

// plainName is a name that every browser keeps as it is.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// noticesPage is what people are told.
type noticesPage struct {
	To      string
	Waiting bool
	Notices []noticeView
	More    string
	Refused string
}

// A noticeView is what somebody is to be told, or was.
type noticeView struct {
	To       string    `json:"to"`
	UserName string    `json:"userName"`
	Kind     string    `json:"kind"`
	What     string    `json:"what"`
	Raised   time.Time `json:"raised"`
	Told     time.Time `json:"told"`
	By       []string  `json:"by"`
}

// Who is who is told, as people say it.
func (n noticeView) Who() string {
	if n.UserName != "" {
		return n.UserName
	}
	return strings.TrimPrefix(n.To, "mailto:")
}

func showNotices(v *visit) (any, error) {
	p := noticesPage{To: v.q("to"), Waiting: v.q("waiting") == "true"}
	waiting := ""
	if p.Waiting {
		waiting = "true"
	}
	var found list[noticeView]
	switch err := v.get(v.ctx, "/notices", &found, "to", p.To, "waiting", waiting, "limit", "50", "cursor", v.cursor()); {
	case statusOf(err) == http.StatusForbidden:
		p.Refused = err.Error()
	case err != nil:
		return nil, err
	}
	p.Notices, p.More = found.Items, v.more(found.Next)
	return p, nil
}
