package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"

	"drawbridge/schema"
)

// A List is one page.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page. Without it, this was the last; a page may be short, or empty, and not be the last."`
}

// A Reply is an answer with a body.
type Reply[T any] struct{ Body T }

func reply[T any](body T) *Reply[T] { return &Reply[T]{Body: body} }

// Paging is how a page is asked for.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100" doc:"How many things a page has at most."`
	Cursor string `query:"cursor" maxLength:"4096" doc:"The next of the page before, with the same other parameters."`
}

// most bounds what is looked at for one page, so that a filter that few things
// pass makes short pages and not long requests.
func (p Paging) most() int { return max(1000, 10*p.Limit) }

// after returns the key that the page begins behind; none for the first page. A
// key has n parts.
func (p Paging) after(n int) ([]string, error) {
	if p.Cursor == "" {
		return nil, nil
	}
	var key []string
	text, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	if err != nil || len(key) != n || key[0] == "" {
		return nil, fmt.Errorf("cursor: it is none of this list's; take next from the page before: %w", schema.ErrInvalid)
	}
	return key, nil
}

func cursor(key []string) string {
	text, err := json.Marshal(key)
	if err != nil {
		return "" // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// A pick says what of a walk is on the page: as long as within is true, what
// keep is true of. Either may be nil.
type pick[T any] struct {
	within, keep func(T) bool
	key          func(T) []string
}

// page takes a page from a walk.
func page[T any](p Paging, walk iter.Seq2[T, error], pick pick[T]) (List[T], error) {
	list := List[T]{Items: []T{}}
	var last []string
	looked := 0
	for v, err := range walk {
		if err != nil {
			return list, err
		}
		if pick.within != nil && !pick.within(v) {
			return list, nil
		}
		if looked == p.most() {
			list.Next = cursor(last)
			return list, nil
		}
		looked++
		if pick.keep == nil || pick.keep(v) {
			if len(list.Items) == p.Limit {
				list.Next = cursor(last)
				return list, nil
			}
			list.Items = append(list.Items, v)
		}
		last = pick.key(v)
	}
	return list, nil
}
