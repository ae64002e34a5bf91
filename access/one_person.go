package access

import (
	"errors"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// What two people have to agree to takes two people, and not two ways in of one.

// onePerson reports whether two actors are one: by what they are called, or because one
// person is behind both, who has a token and logs in, or two tokens.
func onePerson(r store.Reader, book *policy.Book, one, other string) (bool, error) {
	if strings.EqualFold(one, other) {
		return true, nil
	}
	first, err := behind(r, book, one)
	if err != nil || first == "" {
		return false, err
	}
	second, err := behind(r, book, other)
	return first == second, err
}

// alsoOf reports whether one of those who agreed is the same person as an actor.
func alsoOf(r store.Reader, book *policy.Book, agreed []schema.Agreement, actor string) (bool, error) {
	for _, a := range agreed {
		if same, err := onePerson(r, book, a.By, actor); same || err != nil {
			return same, err
		}
	}
	return false, nil
}

// behind returns the id of the person behind an actor; of one that stands for nobody who
// could decide, nothing.
func behind(r store.Reader, book *policy.Book, actor string) (string, error) {
	if id, ok := strings.CutPrefix(actor, "identity/"); ok {
		return id, nil
	}
	name, ok := strings.CutPrefix(actor, "token/")
	if !ok {
		return "", nil
	}
	id, err := PersonOf(r, book, name)
	if errors.Is(err, schema.ErrNotFound) || errors.Is(err, schema.ErrConflict) || errors.Is(err, schema.ErrForbidden) {
		return "", nil
	}
	return id.ID, err
}
