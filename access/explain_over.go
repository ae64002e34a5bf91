package access

import (
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// Over returns when the last of the grants ended that somebody holds a line by, where nothing
// else gives it: as long as it stands, the work of taking it has yet to be done, as where the
// bridge was stopped. Zero of what is held still.
func Over(r store.Reader, line schema.Assignment) (last time.Time, err error) {
	if !slices.ContainsFunc(line.Because, func(because string) bool { return strings.HasPrefix(because, "grant/") }) {
		return time.Time{}, nil
	}
	roles := line.Roles()
	for g, err := range store.Grants.All(r, line.Identity) {
		switch {
		case err != nil:
			return time.Time{}, err
		case !slices.Contains(line.Because, "grant/"+g.ID):
			continue
		case !g.Over(r.Now()):
			return time.Time{}, nil
		}
		roles = slices.DeleteFunc(roles, func(role string) bool { return role == g.Role })
		if at := endOf(g); at.After(last) {
			last = at
		}
	}
	if len(roles) > 0 { // it is held by rule, too
		return time.Time{}, nil
	}
	return last, nil
}

// endOf is when a grant that is over ended.
func endOf(g schema.Grant) time.Time {
	if !g.Ended.IsZero() && (g.Until.IsZero() || g.Ended.Before(g.Until)) {
		return g.Ended
	}
	return g.Until
}
