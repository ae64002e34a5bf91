package console

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
)

// whyPage is why somebody has, had, lost or never had something.
type whyPage struct {
	access.Explanation
	Log  []entryView
	Asks asOf
}

// PageTitle asks what the page answers.
func (p whyPage) PageTitle() string { return p.UserName + " and " + p.Entitlement }

func showWhy(v *visit) (any, error) {
	about := v.q("entitlement")
	p := whyPage{Asks: asOf{v.q("at"), v.with("entitlement", about, "at"), about}}
	at, err := p.Asks.when(v.now)
	if err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/explain", &p.Explanation, "identity", v.r.PathValue("id"), "entitlement", about, "at", at); err != nil {
		return nil, err
	}
	for _, d := range p.Decisions {
		p.Log = append(p.Log, entryView{Seq: d.Seq, Decision: d.Decision, Called: p.UserName})
	}
	return p, nil
}

// logPage is the decision log, newest first: all of it, or what was looked for.
type logPage struct {
	Asked      map[string]string // by field
	Fields     []searchField
	Narrow     bool // more was asked for than whom it is about
	Entries    []entryView
	Checkpoint string
	More       string
}

// A searchField is what decisions can be looked for by.
type searchField struct {
	Name, Label, Hint, Kind string
}

// searchFields are those beside whom it is about.
func searchFields() []searchField {
	return []searchField{
		{"by", "Who decided", "token/NAME, identity/ID, source/NAME, bridge", "text"},
		{"verb", "Verb", "granted, revoked, approved, ...", "text"},
		{"role", "Role", "", "text"},
		{"entitlement", "Entitlement", "connector/id", "text"},
		{"connector", "Connector", "", "text"},
		{"ticket", "Ticket", "for auditors", "text"},
		{"text", "Words", "in the reason", "search"},
		{"since", "From the day", "", "date"},
		{"until", "To the end of the day", "", "date"},
	}
}

func showLog(v *visit) (any, error) {
	p := logPage{Asked: map[string]string{"subject": v.q("subject")}, Fields: searchFields()}
	query := []string{"subject", v.q("subject"), "limit", "50", "cursor", v.cursor()}
	for _, f := range p.Fields {
		value := v.q(f.Name)
		if p.Asked[f.Name] = value; value == "" {
			continue
		}
		p.Narrow = true
		if f.Kind == "date" {
			var err error
			if value, err = moment(value, f.Name == "until"); err != nil {
				return nil, err
			}
		}
		query = append(query, f.Name, value)
	}
	path := "/decisions"
	if p.Narrow {
		path = "/log/search"
	}
	var log list[entryView]
	if err := v.get(v.ctx, path, &log, query...); err != nil {
		return nil, err
	}
	p.Entries, p.More = log.Items, v.more(log.Next)
	v.call(p.Entries)
	// A log that nothing was signed of yet has no checkpoint, and is a log all the same.
	if err := v.get(v.ctx, "/log/checkpoint", &p.Checkpoint); err != nil && statusOf(err) >= http.StatusInternalServerError {
		return nil, err
	}
	return p, nil
}

// moment is when a day begins, or ends, as the API has it.
func moment(value string, ends bool) (string, error) {
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return "", &problem{Status: http.StatusUnprocessableEntity, Detail: "Write a day, as in 2030-01-31."}
	}
	if ends {
		t = t.AddDate(0, 0, 1)
	}
	return t.Format(time.RFC3339), nil
}

// entryPage is one decision.
type entryPage struct {
	entryView
	Text string // its detail, for those who may see it
}

// PageTitle names the decision.
func (p entryPage) PageTitle() string { return "Decision " + count(p.Seq) }

func showEntry(v *visit) (any, error) {
	seq := v.r.PathValue("seq")
	var log list[entryView]
	if err := v.get(v.ctx, "/decisions", &log, "from", seq, "limit", "1"); err != nil {
		return nil, err
	}
	if len(log.Items) == 0 {
		return nil, errNoPage
	}
	p := entryPage{entryView: log.Items[0]}
	p.Called = v.names()(p.Subject)
	if len(p.Words) > 0 {
		var value any
		if json.Unmarshal(p.Words, &value) == nil {
			text, err := json.MarshalIndent(value, "", "  ")
			if err != nil {
				return nil, err
			}
			p.Text = string(text)
		}
	}
	return p, nil
}

// showProof hands out a decision with the proof that it is in the signed log, for
// drawbridge audit verify.
func showProof(v *visit) (any, error) {
	seq := v.r.PathValue("seq")
	var proof string
	if err := v.get(v.ctx, "/log/proofs/"+seg(seq), &proof); err != nil {
		return nil, err
	}
	name := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, seq)
	return file{name: "decision-" + name + ".proof.json", kind: "application/json", text: io.NopCloser(strings.NewReader(proof))}, nil
}

// A publicationView is a policy that somebody proposed.
type publicationView struct {
	schema.Publication
	ProposerName string            `json:"proposerName"`
	Waits        int               `json:"awaits"`
	Deciders     []string          `json:"deciders"`
	InForce      bool              `json:"inForce"`
	Saved        *access.SavedPlan `json:"savedPlan"`
}

// policyPage is the policy in force, and how it came to be.
type policyPage struct {
	Digest    string    `json:"digest"`
	Name      string    `json:"name"`
	Roles     int       `json:"roles"`
	Refused   int       `json:"refused"`
	Published time.Time `json:"published"`
	By        string    `json:"by"`

	Publications []publicationView `json:"-"`
	Gaps         []access.RankedGap
	More         string `json:"-"`
}

// mostGaps is how many gaps the page shows.
const mostGaps = 20

func showPolicy(v *visit) (any, error) {
	var p policyPage
	var all list[publicationView]
	if err := v.get(v.ctx, "/policy", &p); err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/publications", &all, "limit", "100", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	slices.Reverse(all.Items)
	p.Publications, p.More = all.Items, v.more(all.Next)
	ready, _ := v.readiness()
	p.Gaps = ready.Gaps[:min(mostGaps, len(ready.Gaps))]
	return p, nil
}

// publicationPage is one proposal of a policy, with what it changes and the plan that
// people agree to.
type publicationPage struct {
	publicationView
	Changes []fileDiff
}

// PageTitle names the version.
func (p publicationPage) PageTitle() string { return "Policy " + short(p.Digest) }

func showPublication(v *visit) (any, error) {
	var p publicationPage
	err := v.get(v.ctx, "/publications/"+seg(v.r.PathValue("id")), &p.publicationView)
	if err == nil {
		p.Changes, err = v.changes(p.publicationView)
	}
	return p, err
}

// versionPage is one version of the policy, with its text.
type versionPage struct {
	Digest       string               `json:"digest"`
	InForce      bool                 `json:"inForce"`
	Files        map[string]string    `json:"files"`
	Publications []schema.Publication `json:"publications"`
}

// PageTitle names the version.
func (p versionPage) PageTitle() string { return "Policy " + short(p.Digest) }

func showVersion(v *visit) (any, error) {
	var p versionPage
	err := v.get(v.ctx, "/policy/versions/"+seg(v.r.PathValue("digest")), &p)
	return p, err
}
