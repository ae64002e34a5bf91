package scim

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"strconv"
	"sync"
	"time"

	"drawbridge/access/tokens"
	wire "drawbridge/schema/scim"
	"drawbridge/store"
)

// Cursors (RFC 9865) go through a list of any length at the same cost a page, and
// through what a filter finds that no index serves, a bounded look at a time. A
// cursor is where the last page ended, and a code that only the bridge can make
// for this source, this list and this query. It is good after a restart too. How
// many are on a page is in it as well: who asks for another number is told that.

const (
	cursorLife = time.Hour
	cursorHead = 8 + 2 + codeSize // when it was made, how many a page has, and the code
	codeSize   = 16
)

// A cursorKey is what cursors are authenticated by. It is read when the first one
// is made or shown.
type cursorKey struct {
	mu  sync.Mutex
	key []byte
}

func (h *Handler) cursorKey(ctx context.Context) ([]byte, error) {
	h.cursors.mu.Lock()
	defer h.cursors.mu.Unlock()
	if h.cursors.key == nil {
		err := h.store.Update(ctx, func(tx store.Tx) (err error) {
			h.cursors.key, err = tokens.OwnKey(tx, "scim.cursor")
			return err
		})
		if err != nil {
			h.cursors.key = nil
			return nil, err
		}
	}
	return h.cursors.key, nil
}

// code authenticates a cursor: whoever made it up, took it from another source,
// or changed what is asked for, is refused.
func (q *request) code(key []byte, t *wire.Type, ask query, made uint64, count uint16, place store.Place) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{q.source, t.Name, ask.said, strconv.FormatUint(made, 10), strconv.Itoa(int(count)), string(place)} {
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:codeSize]
}

func (q *request) cursor(key []byte, t *wire.Type, ask query, place store.Place) string {
	made, count := uint64(q.received.Unix()), uint16(ask.count)
	token := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, made), count)
	token = append(append(token, q.code(key, t, ask, made, count, place)...), place...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// place reads a cursor. The empty one is the beginning.
func (q *request) place(key []byte, t *wire.Type, ask query) (store.Place, error) {
	if ask.cursor == "" {
		return "", nil
	}
	token, err := base64.RawURLEncoding.DecodeString(ask.cursor)
	if err != nil || len(token) < cursorHead {
		return "", wire.Invalid(wire.InvalidCursor, "cursor: it is none of ours; begin with an empty one")
	}
	made, count, place := binary.BigEndian.Uint64(token), binary.BigEndian.Uint16(token[8:]), store.Place(token[cursorHead:])
	if !hmac.Equal(token[10:cursorHead], q.code(key, t, ask, made, count, place)) {
		return "", wire.Invalid(wire.InvalidCursor, "cursor: it is not of this query; begin with an empty one")
	}
	if int(count) != ask.count { // RFC 9865, section 2.1
		return "", wire.Invalid(wire.InvalidCount, "count: the pages before this one were of %d; ask for as many", count)
	}
	if q.received.Sub(time.Unix(int64(made), 0)) > cursorLife {
		return "", wire.Invalid(wire.ExpiredCursor, "cursor: it is older than %s; begin with an empty one", cursorLife)
	}
	return place, nil
}

// said is what must be the same on every page, beside the count.
func said(v url.Values) string {
	same := url.Values{}
	for name, value := range v {
		if name != "cursor" && name != "count" {
			same[name] = value
		}
	}
	return same.Encode() // sorted by name
}

// walk answers a query by cursor: from the place on, until the page is full or
// enough was looked at. A page may be empty and not the last.
func walk[R any](q *request, k kind[R], ask query) (found listing[R], err error) {
	ctx := q.c.Request().Context()
	key, err := q.cursorKey(ctx)
	if err != nil {
		return found, err
	}
	place, err := q.place(key, k.typ, ask)
	if err != nil {
		return found, err
	}
	lookups := ask.filter.Lookups()
	if byTime(lookups) {
		lookups = nil // it may be any number of them, which a walk goes through
	}
	if lookups != nil || ask.sorts(k.natural) {
		if ask.after, err = rankAt(place); err != nil {
			return found, err
		}
		if ask.sort.None() {
			if ask.sort, err = k.typ.ParseSort(url.Values{"sortBy": {k.natural}}); err != nil {
				return found, err
			}
		}
		if found, err = sorted(ctx, q, k, ask); found.more {
			found.next = q.cursor(key, k.typ, ask, found.last.place())
		}
		return found, err
	}
	if !ask.filter.All() {
		if err := q.takeSlot(ctx); err != nil {
			return found, err
		}
		defer q.freeSlot()
	}
	e, more := q.effort(ask), true
	for more && err == nil && !found.full(ask.page) && !e.spent() {
		more, err = found.walkOn(ctx, k, e, &place)
	}
	if more {
		found.next = q.cursor(key, k.typ, ask, place)
	}
	if found.total = unknown; ask.filter.All() && err == nil {
		err = q.store.View(ctx, func(r store.Reader) error {
			total, err := k.order.Kept(r, q.source)
			found.total = int(total)
			return err
		})
	}
	return found, err
}

// walkOn looks at some resources more, moves the place behind them, and reports
// whether there are others.
func (l *listing[R]) walkOn(ctx context.Context, k kind[R], e *effort, place *store.Place) (more bool, err error) {
	q, ask := e.q, e.ask
	err = q.store.View(ctx, func(r store.Reader) error {
		e.begin()
		n := 0
		for p, err := range k.in.Walk(r, k.order, *place, q.source) {
			if err != nil {
				return err
			}
			if more = l.full(ask.page) || n == maxChunk || e.rests() || e.spent(); more {
				return nil
			}
			n++
			c := k.candidate(r, p.Record)
			if err := e.one(ctx, &c); err != nil {
				return err
			}
			ok, err := ask.filter.Match(&c)
			switch {
			case errors.Is(err, errOverspent) && e.looked > 1:
				more = true // the next page begins with it
				return nil
			case errors.Is(err, errOverspent):
				return errTooLarge
			case err != nil:
				return err
			}
			*place = p.Place
			if ok {
				l.add(ask.page, p.Record, len(c.Resource))
			}
		}
		return nil
	})
	return more, err
}
