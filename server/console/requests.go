package console

import (
	"slices"

	"drawbridge/schema"
)

// A requestView is a request with the names of the people in it.
type requestView struct {
	schema.Request
	UserName      string   `json:"userName"`
	Intent        string   `json:"intent"` // what the role is for
	RequesterName string   `json:"requesterName"`
	Deciders      []string `json:"deciders"`
}

// An exceptionView is an exception with the name of whom it is for.
type exceptionView struct {
	schema.Exception
	UserName string `json:"userName"`
}

// A bypassView is a bypass with the name of whoever took it.
type bypassView struct {
	schema.Bypass
	UserName string `json:"userName"`
	Intent   string `json:"intent"` // what the role is for
}

// requestsPage is what somebody asked for, and what they can ask for.
type requestsPage struct {
	Mine   []requestView
	All    []requestView
	State  string
	Roles  []roleView // that can be asked for
	Asked  string     // the role that is chosen already
	More   string
	Nobody string // why nothing is theirs
}

func showRequests(v *visit) (any, error) {
	p := requestsPage{State: v.q("state"), Asked: v.q("role")}
	var mine, all list[requestView]
	if err := v.get(v.ctx, "/requests", &mine, "identity", "me", "limit", "50"); err != nil {
		if statusOf(err) >= 500 {
			return nil, err
		}
		p.Nobody = err.Error()
	}
	if err := v.get(v.ctx, "/requests", &all, "state", p.State, "limit", "50", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	var roles rolesView
	if err := v.get(v.ctx, "/roles", &roles); err != nil {
		return nil, err
	}
	for _, r := range roles.InForce {
		if r.Type == schema.Requestable || r.Type == schema.JIT {
			p.Roles = append(p.Roles, r)
		}
	}
	slices.Reverse(mine.Items)
	p.Mine, p.All, p.More = mine.Items, all.Items, v.more(all.Next)
	return p, nil
}

// requestPage is one request.
type requestPage struct {
	requestView
	CanDecide bool
	Mine      bool
}

// PageTitle says who asked for what.
func (p requestPage) PageTitle() string { return p.UserName + " asks for " + p.Role }

func showRequest(v *visit) (any, error) {
	var p requestPage
	if err := v.get(v.ctx, "/requests/"+seg(v.r.PathValue("id")), &p.requestView); err != nil {
		return nil, err
	}
	var waiting list[requestView]
	if v.who.May(schema.Approver) && !p.Final() {
		if err := v.get(v.ctx, "/requests", &waiting, "approver", "me"); err != nil && statusOf(err) >= 500 {
			return nil, err
		}
	}
	p.CanDecide = slices.ContainsFunc(waiting.Items, func(q requestView) bool { return q.ID == p.ID })
	p.Mine = !p.Final() && (v.who.Is == p.Requester || v.who.Is == p.Identity || v.who.Is == p.UserName || v.who.Is == p.RequesterName || p.By == "token/"+v.who.Name && v.who.Auth != "oidc")
	return p, nil
}

// exceptionsPage is the register of exceptions.
type exceptionsPage struct {
	State      string
	Exceptions []exceptionView
	More       string
}

func showExceptions(v *visit) (any, error) {
	p := exceptionsPage{State: v.q("state")}
	var found list[exceptionView]
	if err := v.get(v.ctx, "/exceptions", &found, "state", p.State, "limit", "50", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	p.Exceptions, p.More = found.Items, v.more(found.Next)
	return p, nil
}

// heldPage is what the bridge would do and does not, until people decide.
type heldPage struct {
	Holds     []schema.Hold
	Proposals []schema.ProposalGroup
}

func showHeld(v *visit) (any, error) {
	var holds list[schema.Hold]
	var proposals list[schema.ProposalGroup]
	if err := v.get(v.ctx, "/holds", &holds); err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/proposals", &proposals); err != nil {
		return nil, err
	}
	return heldPage{holds.Items, proposals.Items}, nil
}

// proposalPage is what is proposed for one cause, line by line.
type proposalPage struct {
	Group schema.ProposalGroup
	Lines []schema.Proposal
	More  string
}

// PageTitle names the cause.
func (p proposalPage) PageTitle() string { return "Proposed: " + p.Group.ID }

func showProposal(v *visit) (any, error) {
	var p proposalPage
	id := v.r.PathValue("id")
	var groups list[schema.ProposalGroup]
	var lines list[schema.Proposal]
	if err := v.get(v.ctx, "/proposals", &groups); err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/proposals/"+seg(id), &lines, "cursor", v.cursor()); err != nil {
		return nil, err
	}
	p.Group.ID = id
	if i := slices.IndexFunc(groups.Items, func(g schema.ProposalGroup) bool { return g.ID == id }); i >= 0 {
		p.Group = groups.Items[i]
	}
	p.Lines, p.More = lines.Items, v.more(lines.Next)
	return p, nil
}
