package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"drawbridge/schema"
	"drawbridge/store"
)

// exportReview writes what came of a review: the review with its counts and signature in
// the first line, and an item in each other, read a page at a time.
func (a *API) exportReview(ctx context.Context, in *campaignInput) (*huma.StreamResponse, error) {
	var head ReviewView
	err := a.Store.View(ctx, func(r store.Reader) error {
		v, err := store.Reviews.Get(r, in.ID)
		if err != nil {
			return err
		}
		head, err = a.viewReview(ctx, r, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", linesType)
		hc.SetHeader("Content-Disposition", `attachment; filename="review.jsonl"`)
		if err := a.writeReview(ctx, hc, head); err != nil {
			a.Log.WarnContext(ctx, "export of a review was cut", "request", callerOf(ctx).Request, "error", err)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

func (a *API) writeReview(ctx context.Context, hc huma.Context, head ReviewView) error {
	out := json.NewEncoder(hc.BodyWriter())
	if err := out.Encode(head); err != nil {
		return err
	}
	for after := []string{head.ID}; after != nil; {
		extend(hc, time.Minute)
		var some []ReviewItemView
		err := a.Store.View(ctx, func(r store.Reader) error {
			some = nil
			for i, err := range store.ReviewItems.From(r, after...) {
				if err != nil {
					return err
				}
				if i.Review != head.ID || len(some) == exportPage {
					return nil
				}
				v, err := a.viewItem(ctx, r, i)
				if err != nil {
					return err
				}
				some = append(some, v)
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = nil
		for _, v := range some {
			if err := out.Encode(v); err != nil {
				return err
			}
			after = itemKey(v.ReviewItem)
		}
	}
	return nil
}

func itemKey(i schema.ReviewItem) []string { return []string{i.Review, i.Identity, i.Holding} }
