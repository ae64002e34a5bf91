package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerPace registers how fast the bridge goes, and what keeps it.
func (a *API) registerPace(h huma.API) {
	a.registerHalts(h)
	a.registerProposals(h)
	add(a, h, get("/modes", "How far each role goes at each connector, and since when it is decided about as it is"), a.listModes)
	add(a, h, get("/owners", "Who answers for what, and where that is thin"), a.listOwners)
}

// A ModeView says how far a role goes at a connector.
type ModeView struct {
	Role      string      `json:"role"`
	Connector string      `json:"connector"`
	Mode      schema.Mode `json:"mode" doc:"The least of policy set, role and connector."`
	Since     time.Time   `json:"since,omitzero" doc:"Since when the role is decided about as it is now."`
}

// ModesOf says how far the roles of a policy go.
func ModesOf(r store.Reader, book *policy.Book) ([]ModeView, error) {
	since := map[string]time.Time{}
	for o, err := range store.Observations.All(r) {
		if err != nil {
			return nil, err
		}
		since[o.Role] = o.Since
	}
	views := []ModeView{}
	for _, role := range book.Roles() {
		reach := book.Reach(role.Metadata.Name)
		for _, connector := range slices.Sorted(maps.Keys(reach)) {
			views = append(views, ModeView{role.Metadata.Name, connector, reach[connector], since[role.Metadata.Name]})
		}
	}
	return views, nil
}

func (a *API) listModes(ctx context.Context, _ *struct{}) (*Reply[List[ModeView]], error) {
	var list List[ModeView]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = ModesOf(r, a.Rules.Book())
		return err
	})
	return reply(list), err
}

type ownersInput struct {
	Most int `query:"most" minimum:"0" default:"20" doc:"Who owns more than so many is marked."`
}

func (a *API) listOwners(ctx context.Context, in *ownersInput) (*Reply[access.OwnersReport], error) {
	var report access.OwnersReport
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		report, err = access.Owners(r, a.Rules.Book(), in.Most)
		return err
	})
	return reply(report), err
}
