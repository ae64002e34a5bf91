package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Anchor takes the log's signed heads to where whoever has the bridge cannot change
// them: so it shows if the log is cut, rewritten or rolled back. It is told the newest
// one, again and again until it took it, and never one that it has. A head is a note
// with its own signature; whoever keeps it needs to trust nobody.
type Anchor struct {
	Name string
	Keep func(ctx context.Context, signed []byte) error
	Last func() (size int64, err error) // of the newest that it has, where it can tell
}

// FileAnchor appends to a file, and never writes anywhere else in it: it may be on a disk
// that only takes what is appended, or be collected by somebody else.
func FileAnchor(path string) Anchor {
	return Anchor{
		Name: path,
		Keep: func(_ context.Context, signed []byte) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(append(bytes.Clone(signed), '\n'))
			return errors.Join(err, f.Sync(), f.Close())
		},
		Last: func() (int64, error) {
			text, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				return 0, nil
			}
			if err != nil {
				return 0, err
			}
			notes := audit.Notes(text)
			if len(notes) == 0 {
				return 0, nil
			}
			c, err := audit.Read(notes[len(notes)-1])
			return c.Size, err
		},
	}
}

// anchorPatience is how long a web hook may take to accept a head.
const anchorPatience = 10 * time.Second

// HookAnchor posts each head to a URL.
func HookAnchor(url string, client *http.Client) Anchor {
	return Anchor{Name: url, Keep: func(ctx context.Context, signed []byte) error {
		ctx, cancel := context.WithTimeout(ctx, anchorPatience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(signed))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
		if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode/100 != 2 {
			err = fmt.Errorf("it answered %s", res.Status)
		}
		return err
	}}
}

// Anchors takes the newest signed head to each anchor, now and whenever the time is over
// again, until the context is done, and then once more. One that fails is tried again next time, with what is
// the newest then.
func Anchors(ctx context.Context, s *store.Store, anchors []Anchor, every time.Duration, log *slog.Logger) {
	taken := make([]int64, len(anchors))
	for i, a := range anchors {
		if a.Last == nil {
			continue
		}
		size, err := a.Last()
		if err != nil {
			log.ErrorContext(ctx, "what is anchored can not be read", "anchor", a.Name, "error", err)
		}
		taken[i] = size
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ctx.Err() == nil {
			keep(ctx, s, anchors, taken, log)
		}
		select {
		case <-ctx.Done():
			keep(context.WithoutCancel(ctx), s, anchors, taken, log) // what was signed at the end
			return
		case <-tick.C:
		}
	}
}

func keep(ctx context.Context, s *store.Store, anchors []Anchor, taken []int64, log *slog.Logger) {
	for i, a := range anchors {
		size, err := anchor(ctx, s, a, taken[i])
		if err != nil {
			log.ErrorContext(ctx, "the log's head can not be anchored; it is tried again", "anchor", a.Name, "error", err)
			continue
		}
		taken[i] = size
	}
}

// anchor takes the newest head to an anchor that has those of some size.
func anchor(ctx context.Context, s *store.Store, a Anchor, taken int64) (int64, error) {
	var signed []byte
	err := s.View(ctx, func(r store.Reader) error {
		text, err := store.Checkpoint(r)
		if errors.Is(err, schema.ErrNotFound) {
			return nil
		}
		signed = bytes.Clone(text)
		return err
	})
	if err != nil || signed == nil {
		return taken, err
	}
	c, err := audit.Read(signed)
	switch {
	case err != nil || c.Size == taken:
		return taken, err
	case c.Size < taken:
		return taken, fmt.Errorf("it has a head of %d entries, and the log has %d: the log was rolled back: %w", taken, c.Size, audit.ErrTampered)
	}
	if err := a.Keep(ctx, signed); err != nil {
		return taken, err
	}
	return c.Size, nil
}
