package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/access"
	"drawbridge/configs"
	"drawbridge/connectors"
	"drawbridge/policy"
	"drawbridge/scheduler"
	"drawbridge/schema"
	"drawbridge/store"
)

const (
	// deciders is how many identities are decided at once. What is done of them
	// shares a commit, so there are many more of them than processors.
	deciders = 64
	// unlimited is how many accounts are provisioned at once where a profile sets
	// no limit.
	unlimited = 64
	// failuresInARow is after how many calls without an answer a target is left
	// alone but for one call now and then.
	failuresInARow = 8
)

// longLease is how long an item of long work waits at most for another process, if the
// one that is at it dies. Where this process alone has the store it waits only until
// the next one starts.
const longLease = 3 * time.Minute

// noticeLease is how long one person is told, by every channel.
const noticeLease = 10 * time.Minute

// slowly is how soon people are told again what they could not be told.
var slowly = scheduler.Backoff{First: 30 * time.Second, Most: time.Hour}

// quick is how soon what failed is tried again.
var quick = scheduler.Backoff{First: time.Second, Most: time.Minute}

// lanes returns a loop for each lane there is.
func (b *Bridge) lanes(sweeper *scheduler.Sweeper) []*scheduler.Loop {
	slow := scheduler.Backoff{First: 5 * time.Second, Most: 5 * time.Minute}
	loops := []*scheduler.Loop{
		{Lane: access.LaneIdentity, Handle: b.reconcile, HandleCrowd: b.reconcileAll, Workers: deciders, Calm: calm(deciders), TTL: time.Minute, Backoff: quick},
		{Lane: access.LaneGroup, Handle: b.regroup, Workers: 2, TTL: longLease, Renews: true, Backoff: quick},
		{Lane: access.LaneGovernance, Handle: b.govern, Workers: 1, TTL: longLease, Renews: true, Backoff: quick},
		{Lane: access.LaneRequest, Handle: b.attend, Workers: 2, TTL: time.Minute, Backoff: quick},
		{Lane: access.LaneBypass, Handle: b.watch, Workers: 1, TTL: time.Minute, Backoff: quick},
		{Lane: access.LaneExposure, Handle: b.alarm, Workers: 1, TTL: time.Minute, Backoff: quick},
		{Lane: access.LaneFeed, Handle: b.tell, Workers: max(1, len(b.feeds)), TTL: 5 * time.Minute, Backoff: quick},
		{Lane: access.LaneSource, Handle: b.freshen, Workers: 1, TTL: time.Minute, Backoff: quick},
		{Lane: access.LaneRelease, Handle: b.carryOut, Workers: 1, TTL: longLease, Renews: true, Backoff: quick},
		{Lane: access.LaneReview, Handle: (&access.Reviews{Store: b.store, Rules: b.rules}).Attend, Workers: 1, TTL: longLease, Renews: true, Backoff: slow},
		{Lane: access.LaneRotation, Handle: scheduler.Rotate(b.store, b.rules, b.targets), Workers: 1, TTL: longLease, Renews: true, Backoff: slow},
		{Lane: access.LaneResume, Handle: b.catchUp, Workers: 1, TTL: longLease, Renews: true, Backoff: quick},
		{Lane: access.LaneRollout, Handle: b.rollout, Workers: 1, TTL: longLease, Renews: true, Backoff: slow},
		{Lane: access.LaneRamp, Handle: b.climb, Workers: 2, TTL: longLease, Renews: true, Backoff: slow},
		b.noticeLoop(b.notices),
		{Lane: access.LaneSweep, Handle: sweeper.Handle, Workers: max(1, len(sweeper.Sweeps)), TTL: longLease, Renews: true, Backoff: slow},
	}
	for _, c := range b.cfg.Connectors {
		care := b.cfg.CareOf(c.Name)
		workers := c.Profile.Concurrency
		if workers <= 0 {
			workers = unlimited
		}
		breaker := b.breakers[c.Name]
		loops = append(loops, &scheduler.Loop{
			Lane: access.LaneAccount(c.Name), Handle: b.provision(c.Name, care, breaker), Workers: workers, Calm: calm(workers), Gather: gathers(b.targets[c.Name]),
			Breaker: breaker,
			// A lease that ended while its work went on would give the account to two
			// workers at once.
			TTL: care.Timeout + b.cfg.Shutdown.Grace + time.Minute, Backoff: quick,
		})
	}
	for _, l := range loops {
		l.Store, l.Log, l.Grace = b.store, b.Log, b.cfg.Shutdown.Grace
	}
	return loops
}

// calm is how many of a lane's workers, at most, are at what ends no access: an
// import is to leave room, and processor's time, for who leaves.
func calm(workers int) int { return workers - workers/4 }

// gathers is how many accounts of a target may wait for calls that they share.
func gathers(target connectors.Connector) int {
	if g, ok := target.(connectors.Gatherer); ok {
		return g.Gathers()
	}
	return 0
}

func (b *Bridge) reconcile(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Reconcile(ctx, b.store, b.rules, item)
}

func (b *Bridge) reconcileAll(ctx context.Context, items []store.Item) ([]access.Finish, error) {
	return access.ReconcileAll(ctx, b.store, b.rules, items)
}

func (b *Bridge) regroup(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Regroup(ctx, b.store, b.rules, item)
}

func (b *Bridge) govern(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Govern(ctx, b.store, b.rules, item)
}

func (b *Bridge) attend(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Attend(ctx, b.store, b.rules, item)
}

func (b *Bridge) watch(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Watch(ctx, b.store, b.rules, item)
}

func (b *Bridge) alarm(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Alarm(ctx, b.store, b.rules, item)
}

func (b *Bridge) freshen(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Freshen(ctx, b.store, b.rules, item)
}

func (b *Bridge) carryOut(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.CarryOut(ctx, b.store, b.rules, item)
}

func (b *Bridge) catchUp(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.CatchUp(ctx, b.store, item)
}

func (b *Bridge) climb(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Climb(ctx, b.store, b.rules, item)
}

func (b *Bridge) rollout(ctx context.Context, item store.Item) (access.Finish, error) {
	return access.Rollout(ctx, b.store, b.rules, item)
}

// provision makes one connector's accounts as they should be, each within the
// connector's timeout.
func (b *Bridge) provision(name string, care configs.Care, breaker *scheduler.Breaker) scheduler.Handler {
	p := scheduler.Provision{
		Store: b.store, Rules: b.rules, Name: name, Connector: b.targets[name], Verify: care.Verify, Observer: b.metrics, Breaker: breaker,
	}
	return func(ctx context.Context, item store.Item) (access.Finish, error) {
		ctx, cancel := context.WithTimeout(ctx, care.Timeout)
		defer cancel()
		return p.Handle(ctx, item)
	}
}

// sweeper returns the sweeps that are configured.
func (b *Bridge) sweeper() (*scheduler.Sweeper, error) {
	w := &scheduler.Sweeper{Store: b.store, Rules: b.rules, Sweeps: map[string]scheduler.Sweep{}, Observer: b.metrics}
	runs := map[string]func(context.Context, scheduler.Sweep, *schema.Run) error{
		"expiry":      scheduler.Expiry(b.store, b.rules),
		"drift":       scheduler.Drift(b.store, b.rules, b.targets),
		"orphans":     scheduler.Orphans(b.store, b.rules, b.targets),
		"reviews":     scheduler.Reviews(b.store, b.rules),
		"credentials": scheduler.Credentials(b.lookAtCredentials),
		"retention":   scheduler.Retention(b.store, b.rules, b.sign),
		"everybody":   scheduler.Everybody(b.store),
		"watch":       scheduler.Watch(b.store, b.rules, func() map[string]scheduler.Sweep { return w.Sweeps }),
	}
	for name, search := range access.Inspections() {
		runs[name] = scheduler.Inspect(b.store, b.rules, search)
	}
	var problems []error
	for _, s := range b.cfg.Sweeps {
		schedule, err := scheduler.Timing{Schedule: s.Schedule, Zone: s.TimeZone, Jitter: s.Jitter}.Parse(s.Name)
		if err != nil {
			problems = append(problems, fmt.Errorf("sweep %s: %w", s.Name, err))
			continue
		}
		run, ok := runs[s.Name]
		if !ok {
			problems = append(problems, fmt.Errorf("sweep %s: %w", s.Name, schema.ErrNotFound))
			continue
		}
		w.Sweeps[s.Name] = scheduler.Sweep{
			Name: s.Name, Schedule: schedule, Mode: s.Mode, Scope: scheduler.Scope(s.Scope), Age: s.Age, Run: b.braked(run),
			Limits: policy.Brake{Count: s.Limits.Count, Percent: s.Limits.Percent},
		}
	}
	return w, errors.Join(problems...)
}

// braked runs a sweep within the tighter of its own limits and those of the
// policy that is in force when it runs.
func (b *Bridge) braked(run func(context.Context, scheduler.Sweep, *schema.Run) error) func(context.Context, scheduler.Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep scheduler.Sweep, record *schema.Run) error {
		sweep.Limits = sweep.Limits.Tighter(b.rules.Book().Limits().RevokesPerRun)
		return run(ctx, sweep, record)
	}
}

// preview says what a run of a sweep would come to.
func (b *Bridge) preview(ctx context.Context, name string) (access.Preview, error) {
	w, err := b.sweeper()
	if err != nil {
		return access.Preview{}, err
	}
	return w.Preview(ctx, name)
}
