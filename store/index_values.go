package store

import (
	"strings"

	"drawbridge/schema"
)

// What is here says by which values records are found: the indexes in tables.go are
// made of it.

// one is an index over at most one value a record; a nil value leaves it out.
func one[R any](value func(R) []string) func(R) [][]string {
	return func(r R) [][]string {
		if v := value(r); v != nil {
			return [][]string{v}
		}
		return nil
	}
}

// living is one, of identities that their source still knows.
func living(value func(schema.Identity) []string) func(schema.Identity) [][]string {
	return one(func(i schema.Identity) []string {
		if i.Gone() {
			return nil
		}
		return value(i)
	})
}

// former are the names of an identity that its source deleted.
func former(i schema.Identity) [][]string {
	if !i.Gone() {
		return nil
	}
	names := [][]string{{fold(i.UserName)}}
	if i.Email != "" && fold(i.Email) != fold(i.UserName) {
		names = append(names, []string{fold(i.Email)})
	}
	return names
}

// emails are all the addresses of an identity that its source still knows.
func emails(i schema.Identity) [][]string {
	if i.Gone() {
		return nil
	}
	var all [][]string
	for _, address := range append([]string{i.Email}, i.OtherEmails...) {
		value := []string{i.Source, fold(address)}
		if address != "" && !contains(all, value) {
			all = append(all, value)
		}
	}
	return all
}

// uniques are the values of an identity that no other of its source may have, as long as
// that knows it.
func uniques(i schema.Identity) [][]string {
	if i.Gone() {
		return nil
	}
	return each(i.Source, i.Unique)
}

// each is a value of an index for each of some, behind the source.
func each(source string, values []string) [][]string {
	var all [][]string
	for _, v := range values {
		all = append(all, []string{source, v})
	}
	return all
}

func unless(left bool, value ...string) []string {
	if left {
		return nil
	}
	return value
}

// fold makes names that differ in case only the same.
func fold(s string) string { return strings.ToLower(s) }

// Fold is how names are made comparable before an index is asked for them.
func Fold(s string) string { return fold(s) }

// ItemsIn is how the items of a review in a state are found, and counted.
func ItemsIn(review string, state schema.ItemState) string { return review + "/" + string(state) }
