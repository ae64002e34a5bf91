package console

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
)

// nowPage is what is happening.
type nowPage struct {
	Status    statusView
	Lanes     []laneView
	Waiting   int
	Findings  []kindOf
	More      bool // there are more findings than were looked at
	Sweeps    []sweepView
	Late      int // sweeps that failed or did not run
	Recent    []entryView
	Exposure  endings
	Coverage  *access.Coverage
	CoveredAt time.Time
}

type statusView struct {
	Policy     string          `json:"policy"`
	Mode       schema.Mode     `json:"mode"`
	Halts      []schema.Halt   `json:"halts"`
	Connectors []connectorView `json:"connectors"`
	Proposals  int             `json:"proposals"`
	Leavers    int             `json:"leavers"`
	Holds      int             `json:"holds"`
}

type laneView struct {
	Lane      string    `json:"lane"`
	Connector string    `json:"connector"`
	Items     int       `json:"items"`
	Leased    int       `json:"leased"`
	Oldest    time.Time `json:"oldest"`
}

type sweepView struct {
	Name    string      `json:"name"`
	Next    time.Time   `json:"next"`
	Running bool        `json:"running"`
	Late    bool        `json:"late"`
	Last    *schema.Run `json:"last"`
}

// Stands says in a word how a sweep stands.
func (s sweepView) Stands() string {
	switch {
	case s.Running:
		return "running"
	case s.Late && (s.Last == nil || s.Last.Problem == ""):
		return "late"
	case s.Last == nil:
		return "never ran"
	case s.Last.Problem != "":
		return "failed"
	case s.Last.Held != "":
		return "held"
	}
	return "done"
}

// An entryView is a decision as the log has it.
type entryView struct {
	Seq int64 `json:"seq"`
	schema.Decision
	Words   json.RawMessage   `json:"detail"`
	Intents map[string]string `json:"intents"` // what the roles are for that it names
	Called  string            `json:"-"`       // what its subject is called, where that is somebody
}

// kindOf is how many findings there are of a kind, and since when.
type kindOf struct {
	Kind   string
	Count  int
	Oldest time.Time
}

// mostFound is how many findings the front page looks at.
const mostFound = "500"

func showNow(v *visit) (any, error) {
	var p nowPage
	var lanes list[laneView]
	var found list[schema.Finding]
	var sweeps list[sweepView]
	var recent list[entryView]
	for _, want := range []struct {
		path  string
		into  any
		query []string
	}{
		{"/status", &p.Status, nil},
		{"/lanes", &lanes, nil},
		{"/findings", &found, []string{"limit", mostFound}},
		{"/sweeps", &sweeps, nil},
		{"/decisions", &recent, []string{"limit", "12"}},
	} {
		if err := v.get(v.ctx, want.path, want.into, want.query...); err != nil {
			return nil, err
		}
	}
	p.Lanes, p.Sweeps = lanes.Items, sweeps.Items
	p.Findings, p.More = byKind(found.Items), found.Next != ""
	for _, l := range p.Lanes {
		p.Waiting += l.Items
	}
	for _, s := range p.Sweeps {
		if s.Late || s.Last != nil && s.Last.Problem != "" || s.Last == nil && s.Next.Before(v.now) {
			p.Late++
		}
	}
	p.Recent = recent.Items
	v.call(p.Recent)
	p.Coverage, p.CoveredAt = v.covered()
	var err error
	p.Exposure, err = v.exposed()
	return p, err
}

// byKind counts findings by kind, the oldest kind first.
func byKind(found []schema.Finding) []kindOf {
	kinds := map[string]*kindOf{}
	var all []*kindOf
	for _, f := range found {
		k := kinds[f.Kind]
		if k == nil {
			k = &kindOf{Kind: f.Kind, Oldest: f.First}
			kinds[f.Kind] = k
			all = append(all, k)
		}
		k.Count++
		if f.First.Before(k.Oldest) {
			k.Oldest = f.First
		}
	}
	slices.SortFunc(all, func(a, b *kindOf) int { return cmp.Or(a.Oldest.Compare(b.Oldest), cmp.Compare(a.Kind, b.Kind)) })
	var out []kindOf
	for _, k := range all {
		out = append(out, *k)
	}
	return out
}

// call looks up what the subjects of decisions are called. Each is looked up once.
func (v *visit) call(entries []entryView) {
	names := v.names()
	for i := range entries {
		entries[i].Called = names(entries[i].Subject)
	}
}

// names returns a function that says what an identity is called: nothing where it
// is none, or that cannot be told.
func (v *visit) names() func(id string) string {
	known := map[string]string{}
	return func(id string) string {
		if len(id) != 36 {
			return ""
		}
		name, ok := known[id]
		if !ok {
			var called list[struct {
				UserName string `json:"userName"`
			}]
			if v.get(v.ctx, "/identities", &called, "id", id) == nil && len(called.Items) == 1 {
				name = called.Items[0].UserName
			}
			known[id] = name
		}
		return name
	}
}

// counted is how much of the access that targets show the policy explains. To know
// that, everybody is looked at, which no page waits for: it is counted beside, now
// and then, and shown with its time.
type counted struct {
	mu    sync.Mutex
	busy  bool
	ready access.Readiness
}

// Coverage is counted anew when it is so old, and one count may take so long.
const (
	coverageAge  = 5 * time.Minute
	coverageTime = 10 * time.Minute
)

// covered returns the last count, and has it made anew where it is old.
func (v *visit) covered() (*access.Coverage, time.Time) {
	ready, ok := v.readiness()
	if !ok {
		return nil, time.Time{}
	}
	return &ready.Coverage, ready.At
}

func (v *visit) readiness() (access.Readiness, bool) {
	c := &v.coverage
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.now.Sub(c.ready.At) >= coverageAge && !c.busy {
		c.busy = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx), coverageTime)
		go func() {
			defer cancel()
			v.count(ctx)
		}()
	}
	return c.ready, !c.ready.At.IsZero()
}

func (v *visit) count(ctx context.Context) {
	var ready access.Readiness
	err := v.get(ctx, "/readiness", &ready)
	c := &v.coverage
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = false
	if err != nil {
		v.Log.WarnContext(ctx, "coverage cannot be counted", "error", err)
		return
	}
	c.ready = ready
}
