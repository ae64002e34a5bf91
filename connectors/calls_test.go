package connectors_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/connectors"
)

// Of eight calls that may be under way, six at most are not urgent: who leaves is not
// behind all of a listing. What gives up meanwhile was never sent, and says so.
func TestCallsKeepRoomForWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connectors.NewCalls(8)
		enter := func(ctx context.Context) (func(), error) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return c.Enter(ctx)
		}
		var leaves []func()
		for range 6 {
			leave, err := enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		_, err := enter(t.Context())
		if e, ok := errors.AsType[*connectors.Error](err); !ok || e.Kind != connectors.Transient || e.After == 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the seventh: %v, want that it was not sent, and when to come back", err)
		}
		urgent := connectors.Urgent(t.Context())
		for range 2 {
			if _, err := enter(urgent); err != nil {
				t.Errorf("urgent: %v", err)
			}
		}
		if _, err := enter(urgent); err == nil {
			t.Error("nine calls are under way at once")
		}
		leaves[0]()
		if _, err := enter(urgent); err != nil {
			t.Errorf("urgent, after one was answered: %v", err)
		}
		if _, err := enter(t.Context()); err == nil {
			t.Error("one that is not urgent is the ninth under way")
		}
	})
}

func TestCallsWithoutALimit(t *testing.T) {
	t.Parallel()
	c := connectors.NewCalls(0)
	for range 1000 {
		if _, err := c.Enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
