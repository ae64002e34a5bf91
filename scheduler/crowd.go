package scheduler

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"drawbridge/access"
	"drawbridge/store"
)

// A CrowdHandler does the work that several items stand for, none of them urgent, and
// returns a Finish for each, in their order. With an error each is handled by itself.
type CrowdHandler func(ctx context.Context, items []store.Item) ([]access.Finish, error)

// mostInCrowd is how many items are handled in one go: so few that it takes less than a
// millisecond, because whoever is urgent may have to wait for those that are being written
// down. More made next to no difference to what each costs.
const mostInCrowd = 8

// crowds divides items that were leased together into those that are handled in one go, so
// that no processor is without one while another has two. What is urgent goes by itself,
// before all.
func (l *Loop) crowds(turns []*turn) (all [][]*turn) {
	var calm []*turn
	for _, t := range turns {
		if l.HandleCrowd == nil || t.item.Urgent {
			all = append(all, []*turn{t})
			continue
		}
		calm = append(calm, t)
	}
	if len(calm) == 0 {
		return all
	}
	share := (len(calm) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	return slices.AppendSeq(all, slices.Chunk(calm, min(share, mostInCrowd)))
}

// workTogether handles a crowd and settles it in one Update. Whatever fails in company is
// done by each alone, so that one that cannot be done keeps no other from it.
func (l *Loop) workTogether(ctx, working context.Context, turns []*turn) {
	turns, others := l.begin(turns)
	finishes, err := l.handleCrowd(working, turns)
	for _, t := range turns {
		l.busy.Delete(t.item.ID)
	}
	if err != nil {
		l.Log.WarnContext(ctx, "each is done alone", "lane", l.Lane, "items", len(turns), "error", err)
		others, turns = append(others, turns...), nil
	}
	var alone sync.WaitGroup
	defer alone.Wait()
	for _, t := range others {
		alone.Go(func() { l.work(ctx, working, t) })
	}
	if len(turns) == 0 {
		return
	}
	written := turns[0].room.write(len(turns))
	for _, t := range turns {
		l.Breaker.end()
		t.worked()
	}
	if err := l.settleCrowd(working, turns, finishes); err != nil {
		l.Log.WarnContext(ctx, "each is written alone", "lane", l.Lane, "items", len(turns), "error", err)
		var each sync.WaitGroup
		for i, t := range turns {
			each.Go(func() { l.conclude(ctx, working, t.item, finishes[i], nil) })
		}
		each.Wait()
	}
	written()
	for _, t := range turns {
		t.written()
	}
}

// begin takes those items that nobody is at. Others are those that somebody is.
func (l *Loop) begin(turns []*turn) (taken, others []*turn) {
	for _, t := range turns {
		if _, busy := l.busy.LoadOrStore(t.item.ID, true); busy {
			others = append(others, t)
			continue
		}
		taken = append(taken, t)
	}
	return taken, others
}

// handleCrowd calls the handler; one that panics has failed.
func (l *Loop) handleCrowd(ctx context.Context, turns []*turn) (finishes []access.Finish, err error) {
	if len(turns) == 0 {
		return nil, nil
	}
	defer rescue(&err)
	items := make([]store.Item, len(turns))
	for i, t := range turns {
		items[i] = t.item
	}
	return l.HandleCrowd(ctx, items)
}

// settleCrowd ends the leases of a crowd together, or of none of it.
func (l *Loop) settleCrowd(ctx context.Context, turns []*turn, finishes []access.Finish) (err error) {
	defer rescue(&err)
	return l.Store.Update(store.Unhurried(ctx), func(tx store.Tx) error {
		for i, t := range turns {
			next, err := finished(tx, finishes[i])
			if err != nil {
				return err
			}
			if err := tx.Done(t.item, next); err != nil {
				return err
			}
		}
		return nil
	})
}
