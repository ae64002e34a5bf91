package scheduler

import (
	"context"

	"drawbridge/access"
	"drawbridge/access/pruning"
	"drawbridge/schema"
	"drawbridge/store"
)

// Retention prunes what of the log is older than the policy keeps it: first it is decided,
// then that is signed, then it is done, a little at a time. Cut off, it goes on where it was.
// As long as the policy cannot be read nothing is pruned, and the run says so.
func Retention(s *store.Store, rules *access.Rules, sign func(context.Context) error) func(context.Context, Sweep, *schema.Run) error {
	return func(ctx context.Context, sweep Sweep, run *schema.Run) error {
		book := rules.Book()
		var old pruning.Retention
		var due int64
		err := s.View(ctx, func(r store.Reader) (err error) {
			if old, err = pruning.RetentionOf(r, book); err == nil {
				due, err = old.Due(r)
			}
			return err
		})
		if err != nil || due == 0 {
			return err
		}
		if sweep.dry || sweep.mode() != schema.Enforce {
			run.Looked, run.Proposed = int(due), int(due)
			return nil
		}
		err = s.Update(store.Background(ctx), func(tx store.Tx) error {
			return pruning.Decide(tx, book, "sweep/"+sweep.Name, old)
		})
		if err != nil {
			return err
		}
		if err := sign(ctx); err != nil {
			return err
		}
		if err := s.IndexLog(ctx); err != nil {
			return err
		}
		for more := true; more; {
			var is schema.Run
			err := s.Update(store.Background(ctx), func(tx store.Tx) error {
				turn, err := pruning.Turn(tx, rules.Book(), old)
				if err != nil {
					return err
				}
				is, more = *run, turn.More
				is.Looked, is.Found, is.Done = is.Looked+turn.Looked, is.Found+turn.Pruned, is.Done+turn.Pruned
				return sweep.note(tx, is)
			})
			if err != nil {
				return err
			}
			*run = is
		}
		return nil
	}
}
