package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// A LaneView says how much work is in a lane.
type LaneView struct {
	Lane      string    `json:"lane"`
	Connector string    `json:"connector,omitempty" doc:"Whose accounts it is for."`
	Items     int       `json:"items" doc:"Also those that are due later."`
	Leased    int       `json:"leased" doc:"Of these, those at a worker."`
	Oldest    time.Time `json:"oldest,omitzero" doc:"When the first that waits is due, which may be to come."`
}

func (a *API) listLanes(ctx context.Context, _ *struct{}) (*Reply[List[LaneView]], error) {
	list := List[LaneView]{Items: []LaneView{}}
	err := a.Store.View(ctx, func(r store.Reader) error {
		stats, err := store.LaneStats(r)
		for _, lane := range slices.Sorted(maps.Keys(stats)) {
			s := stats[lane]
			v := LaneView{Lane: string(lane), Items: s.Items, Leased: s.Leased, Oldest: s.Oldest}
			if connector, ok := access.ConnectorOf(lane); ok {
				v.Connector = connector
			}
			list.Items = append(list.Items, v)
		}
		return err
	})
	return reply(list), err
}

// A SweepView says how a sweep stands.
type SweepView struct {
	Name    string      `json:"name"`
	Next    time.Time   `json:"next,omitzero" doc:"When it is due."`
	Running bool        `json:"running"`
	Late    bool        `json:"late" doc:"It did not run to its end within an hour of when it was due."`
	Last    *schema.Run `json:"last,omitempty" doc:"Its last run."`
}

// SweepsOf says how sweeps stand, by name.
func SweepsOf(r store.Reader, names []string) ([]SweepView, error) {
	items := map[string]store.Item{}
	for item, err := range store.Items(r, access.LaneSweep) {
		if err != nil {
			return nil, err
		}
		items[item.ID] = item
	}
	views := []SweepView{}
	for _, name := range schema.Sorted(names...) {
		v := SweepView{Name: name, Next: items[name].Due, Running: !items[name].Leased.IsZero()}
		var err error
		if v.Late, err = access.SweepLate(r, name, v.Next); err != nil {
			return nil, err
		}
		run, err := access.LastRun(r, name, func(schema.Run) bool { return true })
		switch {
		case err == nil:
			v.Last = &run
		case !errors.Is(err, schema.ErrNotFound):
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

func (a *API) listSweeps(ctx context.Context, _ *struct{}) (*Reply[List[SweepView]], error) {
	var list List[SweepView]
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		list.Items, err = SweepsOf(r, a.Sweeps)
		return err
	})
	return reply(list), err
}

type runSweepInput struct {
	Name string `path:"name"`
	DryRun
}

// A SweepRun says that a sweep was woken.
type SweepRun struct {
	Sweep   string          `json:"sweep"`
	DryRun  bool            `json:"dryRun,omitempty"`
	Preview *access.Preview `json:"preview,omitempty" doc:"Of a dry run: what it would come to. Not where the bridge is stopped."`
}

func (a *API) runSweep(ctx context.Context, in *runSweepInput) (*Reply[SweepRun], error) {
	if !slices.Contains(a.Sweeps, in.Name) {
		return nil, fmt.Errorf("no sweep is named %q; there are %s: %w", in.Name, strings.Join(schema.Sorted(a.Sweeps...), ", "), schema.ErrNotFound)
	}
	out := SweepRun{Sweep: in.Name, DryRun: in.Dry}
	if in.Dry && a.Preview != nil {
		p, err := a.Preview(ctx, in.Name)
		out.Preview = &p
		return reply(out), err
	}
	err := a.change(ctx, in.DryRun, func(tx store.Tx) error { return access.RunSweep(tx, in.Name) })
	return reply(out), err
}

type runInput struct {
	ID string `path:"id" maxLength:"200"`
}

// readRun answers with one run, by its id; of a sweep that found nothing that is
// quiet:NAME.
func (a *API) readRun(ctx context.Context, in *runInput) (*Reply[schema.Run], error) {
	var run schema.Run
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		run, err = store.Runs.Get(r, strings.Replace(in.ID, "quiet:", "quiet/", 1))
		return err
	})
	return reply(run), err
}

type runsInput struct {
	Paging
	Sweep string `query:"sweep"`
}

// listRuns lists runs newest first. Of quiet ones a sweep has one, the last; they
// are on the first page.
func (a *API) listRuns(ctx context.Context, in *runsInput) (*Reply[List[schema.Run]], error) {
	after, err := in.after(1)
	if err != nil {
		return nil, err
	}
	before := ""
	if after != nil {
		before = after[0]
	}
	list := List[schema.Run]{Items: []schema.Run{}}
	err = a.Store.View(ctx, func(r store.Reader) error {
		runs, err := access.RunsBefore(r, in.Sweep, before, in.Limit)
		if err != nil {
			return err
		}
		if len(runs) == in.Limit {
			list.Next = cursor([]string{runs[len(runs)-1].ID})
		}
		if before == "" {
			quiet, err := a.quietRuns(r, in.Sweep)
			if err != nil {
				return err
			}
			runs = append(runs, quiet...)
			slices.SortStableFunc(runs, func(x, y schema.Run) int { return y.Started.Compare(x.Started) })
		}
		list.Items = append(list.Items, runs...)
		return nil
	})
	return reply(list), err
}

func (a *API) quietRuns(r store.Reader, sweep string) (runs []schema.Run, err error) {
	for _, name := range a.Sweeps {
		if sweep != "" && name != sweep {
			continue
		}
		run, err := access.QuietRun(r, name)
		switch {
		case err == nil:
			runs = append(runs, run)
		case !errors.Is(err, schema.ErrNotFound):
			return nil, err
		}
	}
	return runs, nil
}
