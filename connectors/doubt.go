package connectors

import (
	"errors"
	"maps"
	"slices"

	"drawbridge/schema"
)

// Doubtful reports whether the account is there, or may be, and nobody knows how: see
// Doubt.
func Doubtful(a schema.Account) bool {
	return a.Exists() && (len(a.Attributes) == 0 || IsUnnamed(a.RemoteID))
}

// ErrNotShown is what comes of the first search that finds nobody for an account that may
// have been made: the target's searches may be behind. It is remembered as the account's
// Problem, and the next search that finds nobody is believed.
var ErrNotShown error = &Error{
	Kind: Transient, Err: errors.New("the account may have been made, and the target does not show it: it is looked for once more"),
}

// NotShown reports whether the last look for the account found nobody.
func NotShown(a schema.Account) bool { return a.Problem == ErrNotShown.Error() }

// Doubt returns what an account may be after a call failed that was to make it as
// wanted, if the error leaves open whether it took effect: active, with all that it
// held or was to be given, and to be looked at before anything is written. One whose
// id is not known is to be found by its attributes. Where the target said no, or asked
// to be left alone, the account is as it was.
func Doubt(is, want schema.Account, err error) schema.Account {
	if err == nil || KindOf(err) != Transient || RetryAfter(err) > 0 {
		return is
	}
	switch {
	case is.Exists() && !IsUnnamed(is.RemoteID):
		is.Attributes = nil
	case !is.Exists() && !want.Active:
		return is // nobody was to be made
	case !is.Exists():
		is.RemoteID, is.Attributes = Unnamed(want.Attributes["userName"]), maps.Clone(want.Attributes)
	}
	is.Active = is.Active || want.Active
	is.Entitlements = schema.Sorted(slices.Concat(is.Entitlements, want.Entitlements)...)
	return is
}
