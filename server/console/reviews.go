package console

import (
	"slices"
	"strings"

	"drawbridge/schema"
)

// A reviewView is a review with how far it has come.
type reviewView struct {
	schema.Review
	OfName string         `json:"ofName"`
	Counts map[string]int `json:"counts"` // by state
}

// Called says what the review is of, as people say it.
func (r reviewView) Called() string {
	if r.OfName != "" {
		return string(r.Kind) + " " + r.OfName
	}
	return strings.Replace(r.About(), "/", " ", 1)
}

// Left is how many items people have yet to decide.
func (r reviewView) Left() int {
	return r.Counts[string(schema.ItemOpen)] + r.Counts[string(schema.ItemSuspended)]
}

// An itemView is one thing that somebody holds, as a reviewer is to look at it.
type itemView struct {
	schema.ReviewItem
	UserName string `json:"userName"`
	Intent   string `json:"intent"` // what it is for, where it is a role
}

// Used says whether it is used, as far as anybody tells.
func (i itemView) Used() string {
	switch {
	case !i.LastUsed.IsZero():
		return ""
	case len(i.Unseen) > 0:
		return "nobody tells whether it is used"
	}
	return "not seen to be used"
}

// reviewsPage is the reviews there are, and what of them waits for the person.
type reviewsPage struct {
	Mine    []itemView
	More    string // of mine
	Nobody  string // why nothing is theirs
	State   string
	Reviews []reviewView
	Next    string
}

func showReviews(v *visit) (any, error) {
	p := reviewsPage{State: v.q("state")}
	var mine list[itemView]
	if err := v.get(v.ctx, "/review-items", &mine, "limit", "25"); err != nil {
		if statusOf(err) >= 500 {
			return nil, err
		}
		p.Nobody = err.Error()
	}
	var all list[reviewView]
	if err := v.get(v.ctx, "/reviews", &all, "state", p.State, "limit", "100", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	slices.Reverse(all.Items)
	p.Mine, p.Reviews, p.Next = mine.Items, all.Items, v.more(all.Next)
	if mine.Next != "" {
		p.More = v.link("reviews", "mine")
	}
	return p, nil
}

// myItemsPage is what waits for the person in all reviews, a page at a time.
type myItemsPage struct {
	Mine []itemView
	More string
}

func showMyItems(v *visit) (any, error) {
	var mine list[itemView]
	err := v.get(v.ctx, "/review-items", &mine, "limit", "50", "cursor", v.cursor())
	return myItemsPage{mine.Items, v.more(mine.Next)}, err
}

// reviewPage is one review, with what is to be decided in it.
type reviewPage struct {
	reviewView
	Only  string // items of this state only
	Shown []itemView
	More  string
	Mine  map[string]bool // items that the person may decide now, by whose and what
}

// PageTitle says what the review is of.
func (p reviewPage) PageTitle() string { return "Review of " + p.Called() }

// May reports whether the person may decide about an item.
func (p reviewPage) May(i itemView) bool { return p.Mine[i.Identity+"\x00"+i.Holding] }

func showReview(v *visit) (any, error) {
	id := v.r.PathValue("id")
	p := reviewPage{Only: v.q("state"), Mine: map[string]bool{}}
	var items, mine list[itemView]
	if err := v.get(v.ctx, "/reviews/"+seg(id), &p.reviewView); err != nil {
		return nil, err
	}
	if err := v.get(v.ctx, "/reviews/"+seg(id)+"/items", &items, "state", p.Only, "limit", "50", "cursor", v.cursor()); err != nil {
		return nil, err
	}
	if p.Running() && v.who.May(schema.Approver) {
		if err := v.get(v.ctx, "/review-items", &mine, "limit", "500"); err != nil && statusOf(err) >= 500 {
			return nil, err
		}
	}
	for _, i := range mine.Items {
		if i.Review == id {
			p.Mine[i.Identity+"\x00"+i.Holding] = true
		}
	}
	p.Shown, p.More = items.Items, v.more(items.Next)
	return p, nil
}
