package evidence_test

import (
	"strings"
	"testing"

	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestReviewsInPacks shows campaigns and what reviewers decided, and counts what nobody
// did. R-LOG-7.
func TestReviewsInPacks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.update(func(tx store.Tx) error {
			v := schema.Review{ID: tx.NewID(), Kind: schema.ReviewRole, Of: "engineer", Opened: tx.Now(), Items: 2, State: schema.ReviewSigned, Signature: &schema.Approval{By: "token/cfo", At: tx.Now()}}
			for i, state := range []schema.ItemState{schema.ItemKept, schema.ItemUndecided} {
				item := schema.ReviewItem{Review: v.ID, Identity: string(rune('a' + i)), Holding: "role/engineer", State: state}
				if err := store.ReviewItems.Put(tx, item); err != nil {
					return err
				}
			}
			for _, d := range []schema.Decision{
				{Actor: "token/ops", Verb: schema.Opened, Subject: v.Ref(), Object: v.About()},
				{Actor: "token/lead", Verb: schema.Reapproved, Subject: "a", Object: "role/engineer", Because: []string{v.Ref()}},
				{Actor: "token/cfo", Verb: schema.Signed, Subject: v.Ref(), Object: v.About()},
			} {
				if _, err := tx.Record(d); err != nil {
					return err
				}
			}
			return store.Reviews.Put(tx, v)
		})
		w.sign()
		request := w.request("pci")
		request.To = request.To.Add(1)
		all := tree(t, w.make(request))
		var verbs []string
		_, err := pack.ReadTable(strings.NewReader(all["populations/review-campaigns.csv"]), func(row map[string]string) error {
			verbs = append(verbs, row["verb"])
			if row["items"] != "2" || row["undecided"] != "1" || row["signedBy"] != "token/cfo" || row["of"] != "role/engineer" {
				t.Errorf("campaign: %v", row)
			}
			return nil
		})
		if err != nil || strings.Join(verbs, " ") != "opened signed" {
			t.Errorf("campaigns: %v, %v", verbs, err)
		}
		if table := all["populations/reviews.csv"]; strings.Count(table, "reapproved") != 1 {
			t.Errorf("reviews:\n%s", table)
		}
	})
}
