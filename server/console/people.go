package console

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
)

// peoplePage is a search.
type peoplePage struct {
	Query  string
	Active string
	People []schema.Identity
	More   string
}

func showPeople(v *visit) (any, error) {
	p := peoplePage{Query: v.q("q"), Active: v.q("active")}
	var found list[schema.Identity]
	err := v.get(v.ctx, "/identities", &found, "starts", p.Query, "active", p.Active, "limit", "50", "cursor", v.cursor())
	p.People, p.More = found.Items, v.more(found.Next)
	return p, err
}

// displayed is what a source shows of somebody.
func displayed(id schema.Identity) (name, title string) {
	var said struct {
		DisplayName string `json:"displayName"`
		Title       string `json:"title"`
		Name        struct {
			Given  string `json:"givenName"`
			Family string `json:"familyName"`
		} `json:"name"`
	}
	if len(id.Resource) == 0 || json.Unmarshal(id.Resource, &said) != nil {
		return id.UserName, ""
	}
	name = said.DisplayName
	if name == "" {
		name = strings.TrimSpace(said.Name.Given + " " + said.Name.Family)
	}
	if name == "" {
		name = id.UserName
	}
	return name, said.Title
}

// personView is somebody, with all that is decided about them.
type personView struct {
	schema.Identity
	Attributes map[string]struct {
		Value   any      `json:"value"`
		Sources []string `json:"sources"`
	} `json:"attributes"`
	Groups      []string            `json:"groups"`
	Grants      []schema.Grant      `json:"grants"`
	Tombstones  []schema.Tombstone  `json:"tombstones"`
	Assignments []schema.Assignment `json:"assignments"`
	Accounts    []schema.Account    `json:"accounts"`
}

// personPage is somebody.
type personPage struct {
	personView
	Name, Job string
	Said      []attribute
	Asks      asOf
	Holds     []holding
	Past      []schema.Grant // grants that ended
	Takable   []string       // roles by which they hold something
	Timeline  []entryView
	More      string
}

// PageTitle is what the person is called.
func (p personPage) PageTitle() string { return p.Name }

// An attribute is what rules read of somebody.
type attribute struct {
	Name  string
	Value any
	From  string
}

// An asOf is the time that a page is about; none is now.
type asOf struct {
	At          string // a day, at whose end, or a moment
	Now         string // the address of the page as things are now
	Entitlement string // that it is about
}

// when is that as the API has it. The end of a day that is not over is now.
func (a asOf) when(now time.Time) (string, error) {
	if a.At == "" {
		return "", nil
	}
	if t, err := time.Parse(time.RFC3339, a.At); err == nil {
		return t.Format(time.RFC3339Nano), nil
	}
	t, err := time.Parse(time.DateOnly, a.At)
	if err != nil {
		return "", &problem{Status: http.StatusUnprocessableEntity, Detail: "Write a day, as in 2030-01-31, or a moment, as in 2030-01-31T12:00:00Z."}
	}
	if t = t.AddDate(0, 0, 1); t.After(now) && t.AddDate(0, 0, -1).Before(now) {
		t = now
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}

// Day is the day, where it is one.
func (a asOf) Day() string {
	if strings.Contains(a.At, "T") {
		return ""
	}
	return a.At
}

// Then says when, in words.
func (a asOf) Then() string {
	if a.Day() != "" {
		return "at the end of " + a.At
	}
	return "at " + a.At
}

// A holding is one thing that somebody holds, and the chain of reasons for it: the
// roles, the grants with who agreed, and how the account at the target stands. Of what
// they held at another time it is as the log tells it.
type holding struct {
	schema.Assignment
	Roles    []string
	Grants   []schema.Grant
	Other    []string // what else it is because of
	Account  *schema.Account
	Arrived  bool // the target agreed
	Proposed bool // nobody let it reach its target yet
	Reason   string
	Agreed   time.Time // at another time: when the target did
}

func showPerson(v *visit) (any, error) {
	var p personPage
	id := v.r.PathValue("id")
	if err := v.get(v.ctx, "/identities/"+seg(id), &p.personView); err != nil {
		return nil, err
	}
	p.Name, p.Job = displayed(p.Identity)
	for name, a := range p.Attributes {
		p.Said = append(p.Said, attribute{strings.TrimPrefix(name, "identity."), a.Value, strings.Join(a.Sources, ", ")})
	}
	slices.SortFunc(p.Said, func(a, b attribute) int { return strings.Compare(a.Name, b.Name) })
	for _, line := range p.Assignments {
		h := p.holding(line)
		p.Holds = append(p.Holds, h)
		p.Takable = append(p.Takable, h.Roles...)
	}
	p.Takable = schema.Sorted(p.Takable...)
	if p.Asks = (asOf{At: v.q("at"), Now: v.base + v.r.URL.Path}); p.Asks.At != "" {
		var err error
		if p.Holds, err = p.held(v); err != nil {
			return nil, err
		}
	}
	for _, g := range p.Grants {
		if !g.Live(v.now) {
			p.Past = append(p.Past, g)
		}
	}
	var log list[entryView]
	if err := v.get(v.ctx, "/decisions", &log, "subject", p.ID, "limit", "50", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	p.Timeline, p.More = log.Items, v.more(log.Next)
	v.call(p.Timeline)
	return p, nil
}

// held is what they held at another time.
func (p *personPage) held(v *visit) (all []holding, err error) {
	at, err := p.Asks.when(v.now)
	if err != nil {
		return nil, err
	}
	var then list[struct {
		schema.Assignment
		Reason string    `json:"reason"`
		Agreed time.Time `json:"agreed"`
	}]
	if err := v.get(v.ctx, "/assignments", &then, "identity", p.ID, "at", at, "limit", "100"); err != nil {
		return nil, err
	}
	for _, line := range then.Items {
		h := p.holding(line.Assignment)
		h.Account, h.Arrived, h.Reason, h.Agreed = nil, !line.Agreed.IsZero(), line.Reason, line.Agreed
		all = append(all, h)
	}
	return all, nil
}

func (p *personPage) holding(line schema.Assignment) holding {
	h := holding{Assignment: line, Proposed: !line.Reaches()}
	for _, because := range line.Because {
		kind, name, _ := strings.Cut(because, "/")
		switch kind {
		case "role":
			h.Roles = append(h.Roles, name)
		case "grant":
			if i := slices.IndexFunc(p.Grants, func(g schema.Grant) bool { return g.ID == name }); i >= 0 {
				h.Grants = append(h.Grants, p.Grants[i])
				continue
			}
			h.Other = append(h.Other, because)
		default:
			h.Other = append(h.Other, because)
		}
	}
	if i := slices.IndexFunc(p.Accounts, func(a schema.Account) bool { return a.Connector == line.Connector }); i >= 0 {
		h.Account = &p.Accounts[i]
		h.Arrived = h.Account.State == schema.Settled
	}
	return h
}

// Until is when the last of the grants that give it ends; nothing where it has no end.
func (h holding) Until() (last time.Time) {
	for _, g := range h.Grants {
		if g.Until.After(last) {
			last = g.Until
		}
	}
	return last
}
