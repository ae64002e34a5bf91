package access

import (
	"errors"
	"slices"
	"strings"

	"drawbridge/policy"
	"drawbridge/schema"
	"drawbridge/store"
)

// Personally returns which addresses of those that a notice for many goes to belong to
// somebody who is told the same by themselves: whoever answers for something may be among
// the operators.
func Personally(r store.Reader, book *policy.Book, n schema.Notice, addresses []string) (personally []string, err error) {
	for _, address := range addresses {
		told, err := toldOf(r, n, MailTo+store.Fold(address))
		if err != nil {
			return nil, err
		}
		if !told {
			if told, err = toldByName(r, book, n, address); err != nil {
				return nil, err
			}
		}
		if told {
			personally = append(personally, address)
		}
	}
	return personally, nil
}

// toldByName reports whether the identity that an address is of is told it.
func toldByName(r store.Reader, book *policy.Book, n schema.Notice, address string) (bool, error) {
	id, err := FindCalled(r, book, address)
	if schema.IsNotFound(err) || errors.Is(err, schema.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	who, err := AddresseeOf(r, book, id.Base())
	if schema.IsNotFound(err) || err == nil && store.Fold(who.Address) != store.Fold(address) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return toldOf(r, n, who.To)
}

// toldOf reports whether somebody is to be told what a notice says, or was within a day.
func toldOf(r store.Reader, n schema.Notice, to string) (bool, error) {
	own, err := store.Notices.Get(r, to, n.Kind, n.Subject)
	if schema.IsNotFound(err) {
		return false, nil
	}
	return err == nil && (own.Told.IsZero() || r.Now().Sub(own.Told) < sameNotice), err
}

// Tells reports whether an address that nobody is known by is one that the bridge tells
// things: the policy names it, or something was for it.
func Tells(r store.Reader, book *policy.Book, to string) (bool, error) {
	if told, err := anyOf(store.Notices.All(r, to)); told || err != nil {
		return told, err
	}
	address := strings.TrimPrefix(to, MailTo)
	return slices.ContainsFunc(book.Owned(), func(d policy.Owned) bool {
		return store.Fold(d.User) == address || store.Fold(d.Deputy) == address
	}), nil
}
