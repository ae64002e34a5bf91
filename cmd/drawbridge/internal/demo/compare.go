package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/schema"
)

// A holding is what one account has at one target.
type holding struct {
	target, userName string
	entitlements     []string // the target's own names, sorted
}

// expected says what every target should hold: the policy evaluated on the
// identity provider's own records, without the bridge, its store or its log.
func expected(book *policy.Book, people []person, now time.Time) (map[string]holding, error) {
	want := map[string]holding{}
	for _, p := range people {
		resource, err := json.Marshal(p.resource())
		if err != nil {
			return nil, err
		}
		access := book.Evaluate(policy.Facts{
			Identity: schema.Identity{
				ID: p.userName, Source: source, Kind: p.kind(), UserName: p.userName, Active: true, Resource: resource,
			},
			Groups: p.groups,
			Owner:  schema.Present, // nobody of the cast who answers for a machine leaves
		}, now)
		for _, a := range access.Assignments {
			e, ok := book.Entitlement(a.Connector, a.Entitlement)
			if !ok {
				return nil, fmt.Errorf("%s is in no catalogue", a.Ref())
			}
			key := a.Connector + " " + p.userName
			h := want[key]
			h.target, h.userName = a.Connector, p.userName
			h.entitlements = schema.Sorted(append(h.entitlements, e.Target)...)
			want[key] = h
		}
	}
	return want, nil
}

// actual says what the targets hold: every account that can be used, as the
// target itself tells it.
func (t *targets) actual(ctx context.Context, file connectors.Lister) (map[string]holding, error) {
	got := map[string]holding{}
	for name, provider := range t.providers {
		for _, a := range provider.Users() {
			add(got, name, a)
		}
	}
	for a, err := range file.List(ctx) {
		if err != nil {
			return nil, err
		}
		add(got, badges, a)
	}
	return got, nil
}

// add adds an account, unless it is disabled and empty.
func add(all map[string]holding, target string, a schema.Account) {
	if !a.Active && len(a.Entitlements) == 0 {
		return
	}
	h := holding{target: target, userName: a.Attributes["userName"], entitlements: schema.Sorted(a.Entitlements...)}
	if !a.Active {
		h.entitlements = append(h.entitlements, "(disabled)")
	}
	all[target+" "+h.userName] = h
}

// differences says, a line each, where the targets are not as they should be.
func differences(want, got map[string]holding) iter.Seq[string] {
	return func(yield func(string) bool) {
		keys := slices.Sorted(maps.Keys(want))
		for key := range got {
			if _, ok := want[key]; !ok {
				keys = append(keys, key)
			}
		}
		for _, key := range keys {
			w, g := want[key], got[key]
			if slices.Equal(w.entitlements, g.entitlements) {
				continue
			}
			target, userName, _ := strings.Cut(key, " ")
			if !yield(fmt.Sprintf("%s: %s should hold %q and holds %q", target, userName, w.entitlements, g.entitlements)) {
				return
			}
		}
	}
}
