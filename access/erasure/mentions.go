package erasure

import (
	"context"
	"iter"
	"slices"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
	"drawbridge/store"
)

// Who is forgotten may be named in what is told to others, in what people said of findings,
// and in plans of publications; no index says where. That is looked for a page at a time,
// beside everybody else's writes, so that the one transaction that forgets looks at nothing
// but what was found, however much there is.

// mentions are the keys of what names somebody.
type mentions struct {
	notices, findings, plans [][]string
}

// only reports whether nothing was found but so many plans.
func (m mentions) only(plans int) bool {
	return len(m.notices)+len(m.findings) == 0 && len(m.plans) == plans
}

const (
	page = 500       // how many records are read in one view of the store
	most = 10 * page // how many of a kind that name somebody are erased in one transaction
)

// find looks for what names somebody, and finds nothing twice: what was erased names them
// no more. While their names stay, it looks for people's words about them alone.
func find(ctx context.Context, s *store.Store, p person) (m mentions, err error) {
	m.findings, err = keysOf(ctx, s, store.Findings.From, func(f schema.Finding) []string { return []string{f.Kind, f.Connector, f.Subject, f.Object} },
		func(_ store.Reader, f schema.Finding) (bool, error) {
			return p.is(f.Subject) && hasWords(f.Settled), nil
		})
	if err != nil || p.stays {
		return m, err
	}
	m.notices, err = keysOf(ctx, s, store.Notices.From, func(n schema.Notice) []string { return []string{n.To, n.Kind, n.Subject} },
		func(_ store.Reader, n schema.Notice) (bool, error) {
			return p.told(n) || p.unnamed(n.What) != n.What, nil
		})
	if err != nil {
		return m, err
	}
	m.plans, err = keysOf(ctx, s, store.Publications.From, func(q schema.Publication) []string { return []string{q.ID} },
		func(r store.Reader, q schema.Publication) (bool, error) {
			plan, err := store.Plans.Get(r, q.ID)
			if schema.IsNotFound(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			_, named, err := erasedPlan(plan.Plan, p.id)
			return named, err
		})
	return m, err
}

// keysOf returns the keys of the records that are asked for, the first of them where they
// are very many.
func keysOf[R any](ctx context.Context, s *store.Store, from func(store.Reader, ...string) iter.Seq2[R, error], key func(R) []string, asked func(store.Reader, R) (bool, error)) (keys [][]string, err error) {
	var last []string
	for more := true; more; {
		err := s.View(ctx, func(r store.Reader) error {
			looked := 0
			for rec, err := range from(r, last...) {
				if err != nil {
					return err
				}
				yes, err := asked(r, rec)
				if err != nil {
					return err
				}
				if last = key(rec); yes {
					keys = append(keys, last)
				}
				if more = len(keys) < most; !more {
					return nil
				}
				if looked++; looked == page {
					return nil
				}
			}
			more = false
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// A person is who is to be forgotten, by the ids of their records and by their names.
type person struct {
	id, name string // of the identity, and what stands in the place of names
	ids      []string
	names    []string
	stays    bool // their names do, because they are needed still
}

func personOf(records []schema.Identity) person {
	p := person{id: records[0].Base(), name: erasedName(records[0].Base())}
	for _, rec := range records {
		p.ids = append(p.ids, rec.ID)
		for _, name := range append([]string{rec.UserName, rec.Email}, rec.OtherEmails...) {
			if name != "" {
				p.names = append(p.names, name)
			}
		}
	}
	return p
}

// also is a person by what they were called before, too.
func (p person) also(before person) person {
	p.ids, p.names = schema.Sorted(append(p.ids, before.ids...)...), schema.Sorted(append(p.names, before.names...)...)
	return p
}

func (p person) is(id string) bool {
	return slices.Contains(p.ids, id)
}

// told reports whether a notice is for them.
func (p person) told(n schema.Notice) bool {
	address, isAddress := strings.CutPrefix(n.To, access.MailTo)
	if !isAddress {
		return n.To == p.id
	}
	for _, name := range p.names {
		if strings.EqualFold(name, address) {
			return true
		}
	}
	return false
}

// unnamed is a text without their names.
func (p person) unnamed(text string) string {
	for _, name := range p.names {
		text = replaceName(text, name, p.name)
	}
	return text
}
