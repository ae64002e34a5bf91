package bridge

import (
	"context"
	"fmt"

	"drawbridge/access"
	"drawbridge/evidence/feed"
	"drawbridge/scheduler"
	"drawbridge/store"
)

// openFeeds makes a feed of each that is configured. Nobody is spoken to yet: who is
// told of decisions need not be there for the bridge to start.
func (b *Bridge) openFeeds(context.Context) error {
	b.feeds = map[string]*scheduler.Feed{}
	for _, f := range b.cfg.Feeds {
		sink, err := f.Sink()
		if err != nil {
			return fmt.Errorf("feed %s: %w", f.Name, err)
		}
		b.feeds[f.Name] = &scheduler.Feed{
			Store: b.store, Name: f.Name, Format: feed.Formats[f.Format], Sink: sink, History: f.History, Origin: b.cfg.Audit.Origin, Version: b.Version, Log: b.Log,
		}
		b.metrics.Follow(f.Name)
	}
	return nil
}

// tell tells a feed of the next decisions. One that is configured no more is told
// nothing.
func (b *Bridge) tell(ctx context.Context, item store.Item) (access.Finish, error) {
	if f, ok := b.feeds[item.ID]; ok {
		return f.Handle(ctx, item)
	}
	return nil, nil
}

// watchFeeds looks for decisions to tell of.
func (b *Bridge) watchFeeds() []func(context.Context) error {
	var run []func(context.Context) error
	for _, f := range b.feeds {
		run = append(run, f.Watch)
	}
	return run
}
