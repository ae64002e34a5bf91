package console

import (
	"net/http"
	"slices"

	"drawbridge/schema"
)

// bypassesPage is the roles that can be taken in an emergency, and who took one.
type bypassesPage struct {
	Roles  []roleView // that can be taken
	Mine   []bypassView
	All    []bypassView
	More   string
	Nobody string // why nothing is theirs
}

func showBypasses(v *visit) (any, error) {
	var p bypassesPage
	var roles rolesView
	var mine, found list[bypassView]
	if err := v.get(v.ctx, "/roles", &roles); err != nil {
		return nil, err
	}
	for _, r := range roles.InForce {
		if r.Type == schema.BreakGlass {
			p.Roles = append(p.Roles, r)
		}
	}
	if err := v.get(v.ctx, "/bypasses", &mine, "identity", "me", "limit", "20"); err != nil {
		if statusOf(err) >= http.StatusInternalServerError {
			return nil, err
		}
		p.Nobody = err.Error()
	}
	if err := v.get(v.ctx, "/bypasses", &found, "limit", "50", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	slices.Reverse(mine.Items)
	slices.Reverse(found.Items)
	p.Mine, p.All, p.More = mine.Items, found.Items, v.more(found.Next)
	return p, nil
}

// bypassPage is one role that was taken, and what is owed for it.
type bypassPage struct {
	bypassView
	CanReview bool
	Kinds     []string // of evidence that is awaited
}

// PageTitle says who took what.
func (p bypassPage) PageTitle() string { return p.UserName + " took " + p.Role }

func showBypass(v *visit) (any, error) {
	var p bypassPage
	if err := v.get(v.ctx, "/bypasses/"+seg(v.r.PathValue("id")), &p.bypassView); err != nil {
		return nil, err
	}
	var waiting list[bypassView]
	if v.who.May(schema.Approver) {
		if err := v.get(v.ctx, "/bypasses", &waiting, "reviewer", "me"); err != nil && statusOf(err) >= http.StatusInternalServerError {
			return nil, err
		}
	}
	p.CanReview = slices.ContainsFunc(waiting.Items, func(y bypassView) bool { return y.ID == p.ID })
	p.Kinds = slices.Clone(p.Owed)
	if len(p.Rotate) > 0 {
		p.Kinds = append(p.Kinds, "rotated")
	}
	if p.Removed.IsZero() && !p.Ended.IsZero() {
		p.Kinds = append(p.Kinds, "removed")
	}
	return p, nil
}
