package connectors

import "context"

// A Gatherer puts what several accounts ask for into one call: members of one group,
// say. The more of them wait for it, the fewer calls it takes, so it is worth more than
// one Apply for each call that may be under way. While an Apply waits for such a call it
// stands aside, and Gathers says how many of them at most are of any use.
type Gatherer interface {
	Gathers() int
}

// GatherMost is how many accounts, at most, wait for calls that they share. It bounds
// the memory they take, however large a target's batches may be.
const GatherMost = 512

// Gathering returns how many accounts are worth waiting for calls that hold up to
// batch of them, zero being no limit: while one call is under way, the next fills, and
// there is room for who leaves.
func Gathering(batch int) int {
	if batch <= 0 {
		return GatherMost
	}
	return min(3*batch, GatherMost)
}

// Together returns how many accounts at most go into one call that holds up to batch of
// them, zero being no limit, where all are calm: as many as there is room for aside.
func Together(batch int) int {
	room := GatherMost - GatherMost/4
	if batch <= 0 {
		return room
	}
	return min(batch, room)
}

type asideKey struct{}

// WithAside returns a context in which Aside calls aside.
func WithAside(ctx context.Context, aside func()) context.Context {
	return context.WithValue(ctx, asideKey{}, aside)
}

// Aside is called by an Apply before it waits for a call that it shares with others:
// from then on it is not counted among those at work, and another is begun in its
// place, which may join that call. It does not wait.
func Aside(ctx context.Context) {
	if aside, ok := ctx.Value(asideKey{}).(func()); ok {
		aside()
	}
}
