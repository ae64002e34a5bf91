package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"drawbridge/access"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Anchor takes the log's signed heads to where whoever has the bridge cannot change
// them: so it shows if the log is cut, rewritten or rolled back. It is told the newest
// one, again and again until it took it, and never one that it has. A head is a note
// with its own signature; whoever keeps it needs to trust nobody.
type Anchor struct {
	Name string // for people
	ID   string // what it is known by in the store
	Keep func(ctx context.Context, signed []byte) error

	// Last returns the newest head that it has, nil if none, also beside an error that
	// says what is wrong with the rest. Left out, it cannot tell, and the store remembers.
	Last func() (signed []byte, err error)
}

// mostTail is how much of the end of a file of heads is read.
const mostTail = 1 << 20

// FileAnchor appends to a file, and never writes anywhere else in it: it may be on a disk
// that only takes what is appended, or be collected by somebody else.
func FileAnchor(path string, verifier note.Verifier) Anchor {
	return Anchor{
		Name: path,
		ID:   path,
		Keep: func(_ context.Context, signed []byte) error {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(append(bytes.Clone(signed), '\n'))
			return errors.Join(err, f.Sync(), f.Close())
		},
		Last: func() ([]byte, error) {
			text, err := tailOf(path)
			if err != nil {
				return nil, err
			}
			signed, err := audit.NewestAnchored(text, verifier)
			if err != nil {
				err = fmt.Errorf("it is not what was appended, and nothing is until it is moved away or mended: %w", err)
			}
			return signed, err
		},
	}
}

// tailOf reads the end of a file of heads, from the beginning of one of them on.
func tailOf(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	from := max(0, size-mostTail)
	if text, err = io.ReadAll(io.NewSectionReader(f, from, mostTail)); err != nil || from == 0 {
		return text, err
	}
	if notes := audit.Notes(text); len(notes) > 1 { // it begins in the middle of one
		text = text[len(notes[0]):]
	}
	return text, nil
}

// anchorPatience is how long a web hook may take to accept a head.
const anchorPatience = 10 * time.Second

// HookAnchor posts each head to a URL, and to no other that it is sent on to.
func HookAnchor(hook string, client *http.Client) Anchor {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	name := hook
	if u, err := url.Parse(hook); err == nil {
		name = u.Scheme + "://" + u.Host + u.Path // what it is asked with may be a secret
	}
	return Anchor{Name: name, ID: hook, Keep: func(ctx context.Context, signed []byte) error {
		ctx, cancel := context.WithTimeout(ctx, anchorPatience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, bytes.NewReader(signed))
		if err != nil {
			return errors.New("its URL can not be asked")
		}
		req.Header.Set("Content-Type", "text/plain; charset=utf-8")
		res, err := own.Do(req)
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err // without the URL
		}
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

// lateAnchor is for how long an anchor may fail before people are told: what is wrong with
// the log itself they are told at once.
const lateAnchor = time.Hour

// Anchors takes the newest signed head of a log to each anchor.
type Anchors struct {
	Store *store.Store
	Rules *access.Rules
	Every time.Duration
	Log   *slog.Logger

	anchors []*anchoring
}

// anchoring is one anchor, and how it stands.
type anchoring struct {
	Anchor
	known   bool             // last is what it has
	last    audit.Checkpoint // the newest that it has
	failing time.Time        // since when; zero if it does not
}

// Run takes it now and whenever the time is over again, until the context is done, and
// then once more. One that fails is tried again next time, with what is the newest then.
func (a *Anchors) Run(ctx context.Context, anchors ...Anchor) {
	a.anchors = nil
	for _, one := range anchors {
		a.anchors = append(a.anchors, &anchoring{Anchor: one})
	}
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		if ctx.Err() == nil {
			a.turn(ctx)
		}
		select {
		case <-ctx.Done():
			a.turn(context.WithoutCancel(ctx)) // what was signed at the end
			return
		case <-tick.C:
		}
	}
}

func (a *Anchors) turn(ctx context.Context) {
	for _, one := range a.anchors {
		err := a.anchor(ctx, one)
		if err != nil {
			a.Log.ErrorContext(ctx, "the log's head can not be anchored; it is tried again", "anchor", one.Name, "error", err)
		}
		if err := a.tell(ctx, one, err); err != nil {
			a.Log.ErrorContext(ctx, "how an anchor stands can not be told", "anchor", one.Name, "error", err)
		}
	}
}

// tell has a finding say what is wrong with an anchor, for as long as it is.
func (a *Anchors) tell(ctx context.Context, one *anchoring, wrong error) error {
	if wrong == nil {
		one.failing = time.Time{}
		return a.report(ctx, one, "")
	}
	if one.failing.IsZero() {
		one.failing = time.Now()
	}
	if errors.Is(wrong, audit.ErrTampered) || time.Since(one.failing) >= lateAnchor {
		return a.report(ctx, one, schema.Told(wrong))
	}
	return nil
}

// report writes only where that changes something: mostly there is nothing to say.
func (a *Anchors) report(ctx context.Context, one *anchoring, wrong string) error {
	if wrong == "" {
		open := false
		err := a.Store.View(ctx, func(r store.Reader) (err error) {
			open, err = access.AnchorReported(r, one.Name)
			return err
		})
		if err != nil || !open {
			return err
		}
	}
	return a.Store.Update(store.Background(ctx), func(tx store.Tx) error {
		return access.ReportAnchor(tx, a.Rules.Book(), one.Name, wrong)
	})
}

// anchor takes the newest head to an anchor, where the log continues what that has.
func (a *Anchors) anchor(ctx context.Context, one *anchoring) error {
	var broken error
	if !one.known {
		if broken = a.recall(ctx, one); broken != nil && one.last.Size == 0 {
			return broken
		}
	}
	var signed []byte
	err := a.Store.View(ctx, func(r store.Reader) error {
		text, err := store.Checkpoint(r)
		switch {
		case errors.Is(err, schema.ErrNotFound):
			return continues(r, one.last)
		case err != nil:
			return err
		}
		signed = bytes.Clone(text)
		return continues(r, one.last)
	})
	if err := errors.Join(err, broken); err != nil || signed == nil {
		return err
	}
	c, err := audit.Read(signed)
	if err != nil || c.Size <= one.last.Size {
		return err
	}
	if err := one.Keep(ctx, signed); err != nil {
		return err
	}
	one.last, one.known = c, true
	if one.Last != nil {
		return nil
	}
	return a.Store.Update(store.Background(ctx), func(tx store.Tx) error { return access.KeepAnchoredHead(tx, one.ID, signed) })
}

// recall finds what an anchor has, as far as that can be told.
func (a *Anchors) recall(ctx context.Context, one *anchoring) (err error) {
	var signed []byte
	if one.Last != nil {
		signed, err = one.Last()
	} else {
		err = a.Store.View(ctx, func(r store.Reader) error {
			signed, err = access.AnchoredHead(r, one.ID)
			return err
		})
	}
	if one.known = err == nil; signed == nil {
		return err
	}
	c, wrong := audit.Read(signed)
	if wrong == nil {
		one.last = c
	}
	return errors.Join(err, wrong)
}

// continues returns nil where a log begins with what a head signed.
func continues(r store.Reader, head audit.Checkpoint) error {
	size, err := store.LogSize(r)
	if err != nil || head.Size == 0 {
		return err
	}
	wrong := fmt.Errorf("it has a head of %d entries, and the log is not its continuation: the log was rolled back, or written anew: %w", head.Size, audit.ErrTampered)
	if size < head.Size {
		return wrong
	}
	root, err := tlog.TreeHash(head.Size, store.Hashes(r))
	if err == nil && root != head.Root {
		return wrong
	}
	return err
}
