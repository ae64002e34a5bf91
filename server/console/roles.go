package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
)

type rolesView struct {
	Policy  string        `json:"policy"`
	InForce []roleView    `json:"inForce"`
	Refused []refusedView `json:"refused"`
}

// A roleView is a role in force.
type roleView struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Type         schema.RoleType `json:"type"`
	Mode         schema.Mode     `json:"mode"`
	Intent       string          `json:"intent"`
	Owner        string          `json:"owner"`
	Deputy       string          `json:"deputy"`
	Rule         string          `json:"rule"`
	Approval     string          `json:"approval"`
	Entitlements []string        `json:"entitlements"`
	Triggers     []string        `json:"triggers"`
	Default      string          `json:"defaultDuration"`
	Max          string          `json:"maxDuration"`
	Permanent    string          `json:"permanent"`
	Quarantine   string          `json:"quarantine"`
}

// Called is the role's title, or its name where it has none.
func (r roleView) Called() string {
	if r.Title != "" {
		return r.Title
	}
	return r.Name
}

// A refusedView is a role that is not automated.
type refusedView struct {
	Role     string        `json:"role"`
	Codes    []string      `json:"codes"`
	Findings []lintFinding `json:"findings"`
}

// A lintFinding is one thing that is wrong with a document.
type lintFinding struct {
	Code    string `json:"code"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// rolesPage is the roles there are, and those that are refused.
type rolesPage struct {
	Query   string
	Roles   []roleView
	Refused []refusedView
	Beyond  int // roles that are not shown: who looks for one types its name
	Scores  map[string]access.Readied
}

// mostRoles is how many roles one page shows.
const mostRoles = 200

func showRoles(v *visit) (any, error) {
	var all rolesView
	if err := v.get(v.ctx, "/roles", &all); err != nil {
		return nil, err
	}
	p := rolesPage{Query: v.q("q"), Refused: all.Refused, Scores: map[string]access.Readied{}}
	typed := strings.ToLower(p.Query)
	for _, r := range all.InForce {
		if strings.Contains(strings.ToLower(r.Name+" "+r.Title+" "+r.Owner), typed) {
			p.Roles = append(p.Roles, r)
		}
	}
	p.Beyond = max(0, len(p.Roles)-mostRoles)
	p.Roles = p.Roles[:len(p.Roles)-p.Beyond]
	ready, _ := v.readiness()
	for _, r := range ready.Roles {
		p.Scores[r.Name] = r
	}
	return p, nil
}

// Score is how ready a role is, of 100; one that is not counted has no gap.
func (p rolesPage) Score(name string) int {
	if r, ok := p.Scores[name]; ok {
		return r.Score
	}
	return 100
}

// rolePage is one role: how ready it is, who has it, and what befell it.
type rolePage struct {
	roleView
	Refused *refusedView
	Gone    bool // the policy in force has no such role
	Counted bool // how ready it is, is known
	Score   int
	Gaps    []access.Gap
	Covers  *access.RoleCoverage // nothing until it was counted

	Grants     []schema.Grant
	MoreGrants string

	Gives       []given // each of what it gives
	Of          string  // of which of them the holders are shown
	Holders     []holder
	MoreHolders string

	History     []entryView
	MoreHistory string
}

// A given is one entitlement of a role, and where those are shown who have it by that.
type given struct {
	access.EntitlementCoverage
	Link string
}

// PageTitle is what the role is called.
func (p rolePage) PageTitle() string {
	if p.Title != "" {
		return p.Title
	}
	return p.Name
}

// A holder is who has something by a role.
type holder struct {
	schema.Assignment
	UserName string `json:"userName"`
}

func showRole(v *visit) (any, error) {
	var all rolesView
	if err := v.get(v.ctx, "/roles", &all); err != nil {
		return nil, err
	}
	p := rolePage{}
	name := v.r.PathValue("name")
	if i := slices.IndexFunc(all.InForce, func(r roleView) bool { return r.Name == name }); i >= 0 {
		p.roleView = all.InForce[i]
	} else if i := slices.IndexFunc(all.Refused, func(r refusedView) bool { return r.Role == name }); i >= 0 {
		p.roleView, p.Refused = roleView{Name: name}, &all.Refused[i]
	} else {
		p.roleView, p.Gone = roleView{Name: name}, true
	}
	var ready access.Readiness
	if ready, p.Counted = v.readiness(); p.Counted {
		p.Score = 100
		if i := slices.IndexFunc(ready.Roles, func(r access.Readied) bool { return r.Name == name }); i >= 0 {
			p.Score, p.Gaps, p.Covers = ready.Roles[i].Score, ready.Roles[i].Gaps, ready.Roles[i].Coverage
		}
	}
	err := errors.Join(v.granted(&p), v.holders(&p), v.befell(&p))
	if err == nil && p.Gone && len(p.Grants)+len(p.History) == 0 {
		err = &problem{Status: http.StatusNotFound, Detail: "No role of the policy in force is named " + name + ", and nothing is known of one that was."}
	}
	return p, err
}

// granted finds who has a grant of a role.
func (v *visit) granted(p *rolePage) error {
	var grants list[schema.Grant]
	err := v.get(v.ctx, "/grants", &grants, "role", p.Name, "limit", "50", "cursor", v.q("grants"))
	p.Grants, p.MoreGrants = grants.Items, v.moreOf("grants", grants.Next)
	return err
}

// holders finds who holds one of what a role gives because of it: what was asked for, or
// the first.
func (v *visit) holders(p *rolePage) error {
	if len(p.Entitlements) == 0 {
		return nil
	}
	p.Of = p.Entitlements[0]
	for _, ref := range p.Entitlements {
		one := given{access.EntitlementCoverage{Entitlement: ref}, v.with("of", ref, "holders")}
		if p.Covers != nil {
			i := slices.IndexFunc(p.Covers.Entitlements, func(e access.EntitlementCoverage) bool { return e.Entitlement == ref })
			if i >= 0 {
				one.EntitlementCoverage = p.Covers.Entitlements[i]
			}
		}
		if p.Gives = append(p.Gives, one); ref == v.q("of") {
			p.Of = ref
		}
	}
	var lines list[holder]
	err := v.get(v.ctx, "/assignments", &lines, "entitlement", p.Of, "role", p.Name, "limit", "50", "cursor", v.q("holders"))
	p.Holders, p.MoreHolders = lines.Items, v.moreOf("holders", lines.Next)
	return err
}

// befell finds what was decided about a role itself.
func (v *visit) befell(p *rolePage) error {
	var log list[entryView]
	err := v.get(v.ctx, "/decisions", &log, "subject", "role/"+p.Name, "limit", "50", "cursor", v.q("history"))
	p.History, p.MoreHistory = log.Items, v.moreOf("history", log.Next)
	return err
}
