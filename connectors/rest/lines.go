package rest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// lines is all of a listing in which one thing may be said twice, as where somebody holds
// it in two ways. The key is of what a line says. Where a page seems to have moved, the
// listing is read again: one that is the same twice stood still.
func (c *Connector) lines(ctx context.Context, l *listing, in variables, key func(any) (string, error)) iter.Seq2[any, error] {
	through := func(yield func(any, error) bool) (*walk, bool) {
		w := newWalk(l)
		w.check = func(items []any) error { return w.fresh(items, key) }
		return w, c.walk(ctx, w, in, yield)
	}
	return func(yield func(any, error) bool) {
		first, whole := through(yield)
		if !whole || !first.moved {
			return
		}
		var failed error
		second, _ := through(func(_ any, err error) bool {
			failed = err
			return err == nil
		})
		if failed == nil && !slices.Equal(first.read.Sum(nil), second.read.Sum(nil)) {
			failed = first.incomplete("its pages moved while it was read")
		}
		if failed != nil {
			yield(nil, failed)
		}
	}
}

// says returns what tells what one line of a listing says from what another does: the
// values of those of the expressions that are given; nothing where one is empty.
func (k *kind) says(all ...*expression) func(any) (string, error) {
	return func(item any) (string, error) {
		var values []string
		for _, e := range all {
			if !e.given() {
				continue
			}
			v, err := e.eval(k.c.vars(variables{"item": item}))
			if err != nil || v == nil || v == "" {
				return "", err
			}
			text, err := json.Marshal(v)
			if err != nil {
				return "", fmt.Errorf("line %d: %w", e.line, err)
			}
			values = append(values, string(text))
		}
		return strings.Join(values, " "), nil
	}
}

// fresh refuses a page that was there before, and one that begins with the very item that
// the one before ended with: where pages shift, one comes again and another is passed over.
// A page may also begin, in other words, with what the one before had: the same thing held in
// another way, or a line that moved and says another time. That alone proves nothing; see
// lines. What is the same elsewhere, or on one page, is held in two ways.
func (w *walk) fresh(items []any, key func(any) (string, error)) error {
	if w.done && w.pages == 1 || len(items) == 0 {
		return nil // it is all on one
	}
	keys := make([]string, len(items))
	whole := sha256.New()
	first, last := "", ""
	for i, item := range items {
		text, err := json.Marshal(item)
		if err != nil {
			return w.incomplete("an entry cannot be read: " + err.Error())
		}
		if last = string(text); i == 0 {
			first = last
		}
		if keys[i], err = key(item); err != nil || keys[i] == "" {
			keys[i] = last // it says nothing, or what nobody counts
		}
		fmt.Fprintf(whole, "%q", last)
		fmt.Fprintf(w.read, "%q", keys[i])
	}
	page := string(whole.Sum(nil))
	if _, twice := w.known[page]; twice {
		return w.incomplete("a page is there twice")
	}
	if w.last != "" && first == w.last {
		return w.incomplete("a page begins with what the one before ended with")
	}
	w.moved = w.moved || slices.Contains(w.before, keys[0])
	w.known[page] = struct{}{}
	w.before, w.last = keys, last
	return nil
}
