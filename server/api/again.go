package api

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// registerLog registers what asks the log, and what is forgotten of it.
func (a *API) registerLog(h huma.API) {
	add(a, h, get("/decisions", "The decision log: newest first, or from a number on"), a.listDecisions)
	add(a, h, get("/log/search", "Look for decisions by what they are about, who decided, and when: newest first"), a.searchLog)
	add(a, h, answers(get("/log/checkpoint", "The newest signed head of the log"), noteType), a.readCheckpoint)
	add(a, h, get("/log/horizon", "How far back the log goes"), a.readHorizon)
	add(a, h, get("/log/proofs/{seq}", "A decision with the proof that it is in the signed log, to be verified offline"), a.readProof)
	add(a, h, get("/log/replay", "Make decisions again from what they were made from: do rules come to the same?"), a.replayLog)
	add(a, h, answers(get("/log/export", "The signed log as JSON Lines, to be verified offline"), linesType), a.exportLog)
	add(a, h, post("/erasures", "Forget the details about an identity that left"), a.forget)
}

type againInput struct {
	ID    string    `query:"id" doc:"One decision, by its id."`
	From  int64     `query:"from" minimum:"0" default:"0" doc:"Decisions from this number on."`
	To    int64     `query:"to" minimum:"-1" default:"-1" doc:"And up to this one; without it, to the end of the log."`
	Since time.Time `query:"since" doc:"Only what was decided at this time or later."`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"200" doc:"How many are made again at most."`
}

// A Replayed is some decisions of the log that were made again.
type Replayed struct {
	Items []access.Again `json:"items" nullable:"false"`
	Next  int64          `json:"next,omitempty" doc:"The number to go on from; without it, this was the last."`
}

// replayLog makes decisions again from what they were made from. It reads.
func (a *API) replayLog(ctx context.Context, in *againInput) (*Reply[Replayed], error) {
	if in.ID != "" && (in.From > 0 || in.To >= 0 || !in.Since.IsZero()) {
		return nil, fmt.Errorf("id names one decision, and goes with nothing else: %w", schema.ErrInvalid)
	}
	out := Replayed{Items: []access.Again{}}
	remaker := access.NewRemaker(a.Rules.Book())
	err := a.Store.View(ctx, func(r store.Reader) error {
		from, end, err := access.Span{ID: in.ID, From: in.From, To: in.To, Since: in.Since}.Bounds(r)
		if err != nil {
			return err
		}
		if end-from > int64(in.Limit) {
			end = from + int64(in.Limit)
			out.Next = end
		}
		return remaker.All(r, from, end, func(again access.Again) error {
			out.Items = append(out.Items, again)
			return nil
		})
	})
	return reply(out), err
}
