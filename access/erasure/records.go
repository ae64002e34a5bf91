package erasure

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// An Erased says what was forgotten about an identity.
type Erased struct {
	Decisions int      `json:"decisions"`
	Kept      []string `json:"kept,omitempty"` // what stays for now, and until when
}

// eraseRecords takes out of what is known of somebody whatever says who that is: their
// names, addresses and attributes at each source that deleted them, what their accounts
// were told, and what people were told of them. Ids stay, by which the log names them.
//
// A record that a source still has is the source's to delete, and would be told again. Of
// an account that is still at its target, the target's own id is kept: without it nobody
// could say whose it is. As long as one is in use, or waits for something, the names stay
// that protect it; needed reports that.
func eraseRecords(tx store.Tx, book *policy.Book, records []schema.Identity, found mentions) (kept []string, needed bool, err error) {
	for _, rec := range records {
		held, err := store.WithheldIdentities.Has(tx, rec.ID)
		if err != nil {
			return nil, false, err
		}
		if held {
			return []string{"everything of who they are, until people let their end through, which is held"}, true, nil
		}
	}
	kept, busy, err := eraseAccounts(tx, book, records[0].Base())
	if err != nil || busy {
		return kept, busy, err
	}
	for _, rec := range records {
		if !rec.Gone() {
			kept = append(kept, "their record of source "+rec.Source+", until that deletes it")
			continue
		}
		if err := eraseRecord(tx, rec); err != nil {
			return nil, false, err
		}
	}
	plans, err := eraseMentions(tx, personOf(records), found)
	return append(kept, plans...), false, err
}

// eraseMentions takes somebody's names out of what names them.
func eraseMentions(tx store.Tx, who person, found mentions) (kept []string, err error) {
	if kept, err = erasePlans(tx, who.id, found.plans); err != nil {
		return nil, err
	}
	return kept, eraseNotices(tx, who, found.notices)
}

// erasedName is what somebody is called who was forgotten: by nothing but their id.
func erasedName(id string) string { return "forgotten/" + id }

func eraseRecord(tx store.Tx, rec schema.Identity) error {
	for c, err := range store.Correlations.By(tx, store.CorrelationRecord, rec.ID) {
		if err != nil {
			return err
		}
		if err := store.Correlations.Delete(tx, c.Attribute, c.Value, c.Source, c.Record); err != nil {
			return err
		}
	}
	for _, name := range append([]string{rec.UserName, rec.ExternalID, rec.Email}, rec.OtherEmails...) {
		for p, err := range store.ParkedMembers.By(tx, store.ParkedMember, rec.Source, name) { // groups that wait for somebody of that name
			if err != nil {
				return err
			}
			if err := store.ParkedMembers.Delete(tx, p.Group, p.Member); err != nil {
				return err
			}
		}
	}
	rec.UserName, rec.ExternalID, rec.Email, rec.OtherEmails, rec.Unique = erasedName(rec.ID), "", "", nil, nil
	rec.Resource = json.RawMessage(`{}`)
	return store.Identities.Put(tx, rec)
}

// eraseAccounts takes out what accounts were told. Busy reports whether one is in use, or
// somebody has something to do about one.
func eraseAccounts(tx store.Tx, book *policy.Book, identity string) (kept []string, busy bool, err error) {
	var idle []schema.Account
	targets, err := withAccounts(tx)
	if err != nil {
		return nil, false, err
	}
	for _, c := range book.Connectors() {
		targets = append(targets, c.Metadata.Name)
	}
	for _, name := range schema.Sorted(targets...) {
		if _, err := store.WorkItems.Get(tx, name, identity); err == nil {
			return []string{"everything of who they are, until what people are asked to do at " + name + " is done"}, true, nil
		} else if !schema.IsNotFound(err) {
			return nil, false, err
		}
		a, err := store.Accounts.Get(tx, name, identity)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		_, tended := book.Connector(name) // elsewhere nothing will be disabled
		if tended && (a.Active || !a.Due.IsZero()) {
			return []string{"everything of who they are, until their account at " + name + " is disabled"}, true, nil
		}
		idle = append(idle, a)
	}
	for _, a := range idle {
		a.Attributes, a.Problem = nil, ""
		if a.Exists() {
			kept = append(kept, "the id of their account at "+a.Connector+", until it is gone there")
		}
		if err := store.Accounts.Put(tx, a); err != nil {
			return nil, false, err
		}
	}
	return kept, false, nil
}

// withAccounts returns where there are accounts, also at what the policy has no more.
func withAccounts(r store.Reader) (connectors []string, err error) {
	for more := true; more; {
		var after []string
		if n := len(connectors); n > 0 {
			after = []string{connectors[n-1], string(utf8.MaxRune)} // past all of its accounts
		}
		more = false
		for a, err := range store.Accounts.From(r, after...) {
			if err != nil {
				return nil, err
			}
			connectors, more = append(connectors, a.Connector), true
			break
		}
	}
	return connectors, nil
}

// eraseNotices takes away what somebody was to be told, and their names out of what others
// are told: that is theirs, and may be yet to be told.
func eraseNotices(tx store.Tx, who person, found [][]string) error {
	for _, key := range found {
		n, err := store.Notices.Get(tx, key...)
		if schema.IsNotFound(err) {
			continue // meanwhile
		}
		if err != nil {
			return err
		}
		if who.told(n) {
			if err := store.Notices.Delete(tx, key...); err != nil {
				return err
			}
			continue
		}
		n.What = who.unnamed(n.What)
		if err := store.Notices.Put(tx, n); err != nil {
			return err
		}
	}
	return nil
}

// replaceName puts something else for a name wherever that stands by itself: bob is
// neither in bobby nor in bob.smith or bob@example.com. So it does for what the name
// begins with at the end of a text that was cut.
func replaceName(text, name, with string) string {
	if whole, wasCut := strings.CutSuffix(text, cut); wasCut {
		text = whole[:len(whole)-lastOf(whole, name)]
		if text != whole {
			text += with
		}
		text += cut
	}
	var b strings.Builder
	for rest := text; ; {
		i := strings.Index(rest, name)
		if i < 0 {
			b.WriteString(rest)
			return b.String()
		}
		done := len(text) - len(rest)
		end := done + i + len(name)
		b.WriteString(rest[:i])
		if joinsBefore(text[:done+i]) || joinsAfter(text[end:]) {
			b.WriteString(name)
		} else {
			b.WriteString(with)
		}
		rest = text[end:]
	}
}

// cut ends a text that was longer.
const cut = "…"

// fewest is how many letters tell whom a name that was cut is of: with fewer begin too
// many other words.
const fewest = 3

// lastOf is how many bytes at the end of a text that was cut are the beginning of a name.
func lastOf(text, name string) int {
	for n := min(len(name)-1, len(text)); utf8.RuneCountInString(name[:max(n, 0)]) >= fewest; n-- {
		if before, ends := strings.CutSuffix(text, name[:n]); ends && !joinsBefore(before) {
			return n
		}
	}
	return 0
}

// joiners are what names have between their words.
const joiners = ".-_+@/\\"

func joinsBefore(text string) bool {
	trimmed := strings.TrimRight(text, joiners)
	r, _ := utf8.DecodeLastRuneInString(trimmed)
	return trimmed != "" && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.HasSuffix(text, "_")
}

func joinsAfter(text string) bool {
	trimmed := strings.TrimLeft(text, joiners)
	r, _ := utf8.DecodeRuneInString(trimmed)
	return trimmed != "" && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.HasPrefix(text, "_")
}

// hasWords reports whether people's words are in what was decided about a finding.
func hasWords(s *schema.Settlement) bool {
	said := func(text string) bool { return text != "" && text != wordsForgotten }
	return s != nil && (said(s.Reason) || slices.ContainsFunc(s.Compensating, said))
}

// eraseFindings takes out what people said when they decided about findings about somebody.
func eraseFindings(tx store.Tx, found [][]string) error {
	for _, key := range found {
		f, err := store.Findings.Get(tx, key...)
		if schema.IsNotFound(err) || err == nil && f.Settled == nil {
			continue // meanwhile
		}
		if err != nil {
			return err
		}
		s := *f.Settled
		if unsay(&s.Reason); len(s.Compensating) > 0 {
			s.Compensating = []string{wordsForgotten}
		}
		f.Settled = &s
		if err := store.Findings.Put(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// erasePlans takes somebody's names out of the plans of publications that are settled.
func erasePlans(tx store.Tx, identity string, found [][]string) (kept []string, err error) {
	for _, key := range found {
		q, err := store.Publications.Get(tx, key...)
		if err != nil {
			return nil, err
		}
		plan, err := store.Plans.Get(tx, q.ID)
		if schema.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		text, named, err := erasedPlan(plan.Plan, identity)
		switch {
		case err != nil:
			return nil, err
		case named && !q.Final():
			kept = append(kept, "their name in the plan of publication "+q.ID+", until that is settled")
		case named:
			if err := store.Plans.Put(tx, store.KeptPlan{Publication: q.ID, Plan: text}); err != nil {
				return nil, err
			}
		}
	}
	return kept, nil
}

// erasedPlan takes somebody's names out of a plan, which names people by id, too.
func erasedPlan(plan json.RawMessage, identity string) (json.RawMessage, bool, error) {
	if !strings.Contains(string(plan), identity) {
		return plan, false, nil
	}
	var tree any
	if err := json.Unmarshal(plan, &tree); err != nil {
		return nil, false, fmt.Errorf("a kept plan: %w", err)
	}
	changed := eraseIn(tree, identity)
	text, err := json.Marshal(tree)
	return text, changed, err
}

// eraseIn renames whoever goes by an id, in each object that has both.
func eraseIn(tree any, identity string) (changed bool) {
	switch t := tree.(type) {
	case []any:
		for _, child := range t {
			changed = eraseIn(child, identity) || changed
		}
	case map[string]any:
		if name, named := t["userName"]; named && t["identity"] == identity && name != erasedName(identity) {
			t["userName"], changed = erasedName(identity), true
		}
		for _, child := range t {
			changed = eraseIn(child, identity) || changed
		}
	}
	return changed
}
