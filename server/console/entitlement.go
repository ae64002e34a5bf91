package console

import (
	"time"

	"drawbridge/schema"
)

// entitlementPage is who has an entitlement, or had it.
type entitlementPage struct {
	Name    string
	Asks    asOf
	Holders []holderView
	More    string
}

// A holderView is somebody who has an entitlement, or another that confers it.
type holderView struct {
	schema.Assignment
	UserName string    `json:"userName"`
	Confers  string    `json:"confers"` // what was asked for, where they have it by way of this one
	Agreed   time.Time `json:"agreed"`  // at another time: when the target did
}

// PageTitle asks what the page answers.
func (p entitlementPage) PageTitle() string { return "Who has " + p.Name }

func showEntitlement(v *visit) (any, error) {
	name := v.q("entitlement")
	p := entitlementPage{Name: name, Asks: asOf{v.q("at"), v.with("entitlement", name, "at", "cursor"), name}}
	if name == "" {
		return nil, errNoPage
	}
	at, err := p.Asks.when(v.now)
	if err != nil {
		return nil, err
	}
	var found list[holderView]
	err = v.get(v.ctx, "/assignments", &found, "entitlement", name, "at", at, "limit", "50", "cursor", v.cursor())
	p.Holders, p.More = found.Items, v.more(found.Next)
	return p, err
}
