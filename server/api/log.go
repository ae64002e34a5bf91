package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"drawbridge/access"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/store"
)

// An EntryView is a decision as the log has it.
type EntryView struct {
	Seq int64 `json:"seq" doc:"Its number in the log, from 0."`
	schema.Decision
	UserName string            `json:"userName,omitempty" doc:"Of the subject, if it is an identity that is still known."`
	Intents  map[string]string `json:"intents,omitempty" doc:"What each role is for that it names, as the policy says by which it was decided."`
	Detail   json.RawMessage   `json:"detail,omitempty" doc:"What may have to be forgotten: what a rule read, people's own words. For auditors."`
}

type decisionsInput struct {
	Paging
	Subject string `query:"subject" doc:"An identity's id, userName or email address, or kind/NAME."`
	From    int64  `query:"from" minimum:"-1" default:"-1" doc:"Oldest first, from this number on, instead of newest first."`
}

func (a *API) listDecisions(ctx context.Context, in *decisionsInput) (*Reply[List[EntryView]], error) {
	from, oldestFirst := in.From, in.From >= 0
	if after, err := in.after(1); err != nil {
		return nil, err
	} else if after != nil {
		if from, err = strconv.ParseInt(after[0], 10, 64); err != nil {
			return nil, fmt.Errorf("cursor: it is none of this list's: %w", schema.ErrInvalid)
		}
	}
	if oldestFirst && in.Subject != "" {
		return nil, fmt.Errorf("from and subject do not go together; what is about a subject comes newest first: %w", schema.ErrInvalid)
	}
	list := List[EntryView]{Items: []EntryView{}}
	err := a.Store.View(ctx, func(r store.Reader) error {
		entries, next, err := entriesFor(r, in, from, oldestFirst)
		if err != nil {
			return err
		}
		if next >= 0 {
			list.Next = cursor([]string{strconv.FormatInt(next, 10)})
		}
		for _, e := range entries {
			v, err := a.viewOf(r, e, callerOf(ctx).Role.AtLeast(seesDetail))
			if err != nil {
				return err
			}
			list.Items = append(list.Items, v)
		}
		return nil
	})
	return reply(list), err
}

// detailOf returns the decision beside which the detail of one is kept: its own, or, of
// several that were made from the same things, the first's.
func detailOf(d schema.Decision) string {
	if d.DetailHash != "" {
		return d.ID
	}
	return d.Inputs
}

// entriesFor returns a page of entries, and the number that the next page begins
// at or before; -1 if there is none. Newest first, from is the number before which
// the page begins, and -1 is the end of the log.
func entriesFor(r store.Reader, in *decisionsInput, from int64, oldestFirst bool) (entries []store.Entry, next int64, err error) {
	size, err := store.LogSize(r)
	if err != nil {
		return nil, -1, err
	}
	if oldestFirst {
		entries, err = some(store.Log(r, from), in.Limit)
		if next = -1; err == nil && len(entries) == in.Limit && entries[in.Limit-1].Seq+1 < size {
			next = entries[in.Limit-1].Seq + 1
		}
		return entries, next, err
	}
	if from < 0 || from > size {
		from = size
	}
	if in.Subject != "" {
		subject, err := subjectOf(r, in.Subject)
		if err != nil {
			return nil, -1, err
		}
		entries, err = store.LogAboutBefore(r, subject, from, in.Limit)
		if next = -1; err == nil && len(entries) == in.Limit {
			next = entries[len(entries)-1].Seq
		}
		return entries, next, err
	}
	entries, err = store.LogBefore(r, from, in.Limit)
	if next = -1; err == nil && len(entries) == in.Limit && entries[in.Limit-1].Seq > 0 {
		next = entries[in.Limit-1].Seq
	}
	return entries, next, err
}

func some(walk iter.Seq2[store.Entry, error], n int) (entries []store.Entry, err error) {
	if n == 0 {
		return nil, nil
	}
	for e, err := range walk {
		if err != nil {
			return nil, err
		}
		if entries = append(entries, e); len(entries) == n {
			break
		}
	}
	return entries, nil
}

// subjectOf returns how the log names the subject: an identity by its id,
// everything else as it is written.
func subjectOf(r store.Reader, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	id, err := access.FindIdentity(r, name)
	if errors.Is(err, schema.ErrNotFound) {
		return name, nil
	}
	return id.ID, err
}

// A HorizonView says how far back the log goes.
type HorizonView struct {
	Since  time.Time `json:"since,omitzero" doc:"What was so before can not be told: it was pruned. Left out: the log is whole."`
	Before int64     `json:"before" doc:"Of entries before this number only those are left that were in force then, and hashes of the others."`
	Plain  int64     `json:"plain" doc:"Entries before this number have no details any more."`
}

func (a *API) readHorizon(ctx context.Context, _ *struct{}) (*Reply[HorizonView], error) {
	var v HorizonView
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		v, err = HorizonOf(r)
		return err
	})
	return reply(v), err
}

// HorizonOf says how far back a store's log goes.
func HorizonOf(r store.Reader) (HorizonView, error) {
	h, err := store.LogHorizon(r)
	return HorizonView{h.Time, h.Before, h.Plain}, err
}

// A CheckpointReply is a signed note, as it is.
type CheckpointReply struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) readCheckpoint(ctx context.Context, _ *struct{}) (*CheckpointReply, error) {
	out := &CheckpointReply{ContentType: noteType}
	err := a.Store.View(ctx, func(r store.Reader) error {
		signed, err := store.Checkpoint(r)
		out.Body = bytes.Clone(signed)
		return err
	})
	return out, err
}

type proofInput struct {
	Seq int64 `path:"seq" minimum:"0" doc:"The decision's number in the log."`
}

func (a *API) readProof(ctx context.Context, in *proofInput) (*Reply[audit.Inclusion], error) {
	var p audit.Inclusion
	a.sign(ctx)
	err := a.Store.View(ctx, func(r store.Reader) (err error) {
		p, err = store.Prove(r, in.Seq)
		return err
	})
	return reply(p), err
}

// sign signs the log, so that what was decided a moment ago is proved too. If it
// cannot, what was signed before can still be read.
func (a *API) sign(ctx context.Context) {
	if a.Sign == nil {
		return
	}
	if err := a.Sign(ctx); err != nil {
		a.Log.WarnContext(ctx, "sign the decision log", "request", callerOf(ctx).Request, "error", err)
	}
}

// exportLog streams the log as far as it is signed, which is all of it. It reads a page at a time, so
// that a slow reader keeps no snapshot of the store. Where it fails half way, the
// connection is cut: half an export is not to be taken for one.
func (a *API) exportLog(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	a.sign(ctx)
	err := a.Store.View(ctx, func(r store.Reader) error {
		_, err := store.Checkpoint(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", linesType)
		hc.SetHeader("Content-Disposition", `attachment; filename="decisions.jsonl"`)
		leaves := paged(a.Store, hc, store.LeavesFrom, func(n int64, leaf audit.Leaf) (audit.Leaf, int64, error) {
			leaf.Body = bytes.Clone(leaf.Body)
			return leaf, n + 1, nil
		})
		checkpoints := paged(a.Store, hc, store.CheckpointsFrom, func(_ int64, signed []byte) ([]byte, int64, error) {
			c, err := audit.Read(signed)
			return bytes.Clone(signed), c.Size + 1, err
		})
		if err := audit.Export(hc.BodyWriter(), leaves, checkpoints); err != nil {
			a.Log.WarnContext(ctx, "export of the log was cut", "request", callerOf(ctx).Request, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// exportPage is how many rows are read at once.
const exportPage = 500

// paged walks rows in many short Views, until there are no more. Keep returns a row that
// outlives its View, and where to go on behind it.
func paged[R any](s *store.Store, hc huma.Context, from func(store.Reader, int64) iter.Seq2[R, error], keep func(int64, R) (R, int64, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var at int64
		var rows []R
		for {
			extend(hc, time.Minute)
			err := s.View(hc.Context(), func(r store.Reader) error {
				next := at
				rows = rows[:0]
				for row, err := range from(r, at) {
					if err == nil {
						row, next, err = keep(next, row)
					}
					if err != nil {
						return err
					}
					if rows = append(rows, row); len(rows) == exportPage {
						break
					}
				}
				at = next
				return nil
			})
			if err != nil {
				var none R
				yield(none, err)
				return
			}
			if len(rows) == 0 {
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// extend gives an answer more time than the server gives others.
func extend(hc huma.Context, by time.Duration) {
	// A server without deadlines has nothing to move.
	_ = http.NewResponseController(humaecho.Unwrap(hc).Response()).SetWriteDeadline(time.Now().Add(by))
}
