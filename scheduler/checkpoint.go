package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/store"
)

// Checkpoints moves decisions that wait into the log and signs its head, now and
// then, for as long as ctx lives, and once more at the end. A log that did not
// grow is not signed again: an idle bridge writes nothing.
func Checkpoints(ctx context.Context, s *store.Store, signer note.Signer, origin string, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			checkpoint(ctx, s, signer, origin, log)
		case <-ctx.Done():
			checkpoint(context.WithoutCancel(ctx), s, signer, origin, log)
			return
		}
	}
}

func checkpoint(ctx context.Context, s *store.Store, signer note.Signer, origin string, log *slog.Logger) {
	if err := Checkpoint(ctx, s, signer, origin); err != nil {
		log.ErrorContext(ctx, "sign the decision log", "error", err)
	}
}

// Checkpoint moves decisions that wait into the log and signs its head, if it grew
// since it was last signed.
func Checkpoint(ctx context.Context, s *store.Store, signer note.Signer, origin string) error {
	if _, err := s.Sequence(ctx); err != nil {
		return fmt.Errorf("sequence: %w", err)
	}
	if _, err := s.SignCheckpoint(ctx, signer, origin); err != nil {
		return fmt.Errorf("sign a checkpoint: %w", err)
	}
	return nil
}
