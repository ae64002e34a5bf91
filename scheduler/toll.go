package scheduler

import (
	"maps"
	"math"
	"slices"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// leastShared is how many grants of a role, or at a connector, live at least where a percentage
// of them says anything. What ends here has reached its own time, and is not to outlive it
// because few have the role: of a handful that were given on one day, for one project, most end
// in one minute as a matter of course. Where they are so few, the limits of all hold.
const leastShared = 20

// A toll is how many grants a run would end: of all, of each role and at each connector. It
// counts as they are walked, and is as big as the policy, however many there are.
type toll struct {
	book  *policy.Book
	all   int
	roles map[string]int
}

func newToll(book *policy.Book) *toll { return &toll{book: book, roles: map[string]int{}} }

func (t *toll) add(g schema.Grant) {
	t.all++
	t.roles[g.Role]++
}

// exceeds says by how much it is beyond the limits; nothing where it is not. A role's grants
// are no more than all, so that one limit of how many holds for both; what it is of the
// living grants is asked of all, and, where these are not few, of each role and of all roles
// that give something at a connector. What lives is counted as far as it decides, in the index
// of roles. A role that the policy no longer has gives nothing anywhere.
func (t *toll) exceeds(r store.Reader, limits policy.Brake) (string, error) {
	if why := (policy.Brake{Count: limits.Count}).Exceeds(t.all, t.all); why != "" || t.all == 0 || !shares(limits) {
		return why, nil
	}
	live, err := store.GrantRole.Count(r, deciding(t.all, limits))
	if err != nil {
		return "", err
	}
	if why := limits.Exceeds(t.all, live); why != "" {
		return why, nil
	}
	for _, role := range slices.Sorted(maps.Keys(t.roles)) {
		n := t.roles[role]
		live, err := liveOf(r, deciding(n, limits), role)
		if err != nil {
			return "", err
		}
		if why := limits.Exceeds(n, live); why != "" && live >= leastShared {
			return "role " + role + ": " + why, nil
		}
	}
	return t.exceedsAt(r, limits)
}

// exceedsAt is exceeds of each connector.
func (t *toll) exceedsAt(r store.Reader, limits policy.Brake) (string, error) {
	giving := map[string][]string{} // roles, by where they give something
	for _, role := range t.book.Roles() {
		var at []string
		for _, e := range t.book.Gives(role.Metadata.Name) {
			at = append(at, e.Connector)
		}
		for _, connector := range schema.Sorted(at...) {
			giving[connector] = append(giving[connector], role.Metadata.Name)
		}
	}
	for _, connector := range slices.Sorted(maps.Keys(giving)) {
		n := 0
		for _, role := range giving[connector] {
			n += t.roles[role]
		}
		live, err := liveOf(r, deciding(n, limits), giving[connector]...)
		if err != nil {
			return "", err
		}
		if why := limits.Exceeds(n, live); why != "" && live >= leastShared {
			return "connector " + connector + ": " + why, nil
		}
	}
	return "", nil
}

// liveOf counts the living grants of some roles, up to so many.
func liveOf(r store.Reader, most int, roles ...string) (live int, err error) {
	for _, role := range roles {
		n, err := store.GrantRole.Count(r, most-live, role)
		if err != nil {
			return 0, err
		}
		if live += n; live >= most {
			break
		}
	}
	return live, nil
}

// shares reports whether limits are of a share that there can be more than.
func shares(limits policy.Brake) bool { return limits.Percent > 0 && limits.Percent < 100 }

// deciding is of how many so few are let through: what there is beyond that changes nothing.
func deciding(n int, limits policy.Brake) int {
	if n <= 1 { // one always is
		return 0
	}
	return int(math.Ceil(float64(n)*100/limits.Percent)) + 1
}
