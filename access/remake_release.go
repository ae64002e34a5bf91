package access

import (
	"strings"

	"drawbridge/schema"
	"drawbridge/store"
)

// releasedAgain asks what somebody's yes to what is held comes to, with those before it.
// These are in the log, each as its own decision; whether two of them were one person is
// not asked: that hangs on who was there.
func (m *Remaker) releasedAgain(e store.Entry) (Sameness, string, error) {
	d := e.Decision
	if d.DetailHash == "" {
		return "", "", nil
	}
	var kept releaseBasis
	if why, err := m.keptBeside(d, "who agreed", &kept); why != "" || err != nil {
		return Unknown, why, err
	}
	n := len(kept.Agreed)
	if n == 0 {
		return "", "", nil // of an older version, or about something else
	}
	if by := kept.Agreed[n-1].By; by != d.Actor {
		return Differs, "the last to agree was " + by, nil
	}
	said := map[string]bool{}
	for _, yes := range kept.Agreed {
		switch {
		case yes.Plan != kept.Plan:
			return Differs, yes.By + " agreed to another plan, " + yes.Plan, nil
		case said[yes.By]:
			return Differs, yes.By + " is counted twice", nil
		}
		said[yes.By] = true
	}
	verb, reason := comesTo(schema.Hold{Plan: kept.Plan, Count: kept.Count, Agreed: kept.Agreed})
	if same, why := match(d, []schema.Decision{{Actor: d.Actor, Verb: verb, Reason: reason}}); same != Same {
		return same, why, nil
	}
	for _, yes := range kept.Agreed[:n-1] {
		first, _ := comesTo(schema.Hold{Plan: kept.Plan, Agreed: []schema.Agreement{yes}})
		is := func(d schema.Decision) bool {
			return d.Actor == yes.By && d.Verb == first && strings.Contains(d.Reason, kept.Plan)
		}
		if found, err := m.before(e, d.Subject, is); err != nil || found.ID == "" {
			return m.missing("that "+yes.By+" agreed", err)
		}
	}
	return Same, "", nil
}

// carriedOutAgain asks whether people released what something was let through by.
func (m *Remaker) carriedOutAgain(e store.Entry) (Sameness, string, error) {
	d := e.Decision
	subject := d.Subject
	if strings.HasPrefix(d.Object, "source/") {
		subject = d.Object
	}
	names := strings.TrimPrefix(d.Reason, releasedBy)
	is := func(d schema.Decision) bool {
		return d.Verb == schema.Released && strings.HasSuffix(d.Reason, agreedBy+names)
	}
	if found, err := m.before(e, subject, is); err != nil || found.ID == "" {
		return m.missing("that "+names+" released "+subject, err)
	}
	return Same, "", nil
}

// before returns the newest decision about a subject that is before an entry and is one
// that is looked for; none where there is none.
func (m *Remaker) before(e store.Entry, subject string, is func(schema.Decision) bool) (schema.Decision, error) {
	const page = 50
	for before := e.Seq; ; {
		entries, err := store.LogAboutBefore(m.reader, subject, before, page)
		if err != nil {
			return schema.Decision{}, err
		}
		for _, earlier := range entries {
			if before = earlier.Seq; is(earlier.Decision) {
				return earlier.Decision, nil
			}
		}
		if len(entries) < page {
			return schema.Decision{}, nil
		}
	}
}

// missing is the answer where something is not in the log that should be before an entry.
func (m *Remaker) missing(what string, err error) (Sameness, string, error) {
	if err != nil {
		return "", "", err
	}
	h, err := store.LogHorizon(m.reader)
	if err == nil && h.Before > 0 {
		return Unknown, what + " was pruned, or never in the log", nil
	}
	return Differs, what + " is not in the log", err
}
