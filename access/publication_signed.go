package access

import (
	"errors"
	"fmt"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A policy may demand that whoever writes the next one signs it (publication.signedCommits).
// Then the documents must be those of a commit that is signed with a key which the policy
// in force names, of a person who did not leave; what whoever sends them says of commit
// and author counts for nothing. A version that was signed when it came into force may
// come back without its commit: its documents are the store's.

// vouched returns the commit that a draft is of, where the policy in force demands that
// somebody signed it. Where nobody did, or nobody who may, the error is ErrForbidden.
func vouched(r store.Reader, book *policy.Book, d *Draft) (c signed.Commit, err error) {
	rules := book.Publication()
	switch {
	case !rules.SignedCommits:
		return c, nil
	case d.Signed.Signer != "":
		c = d.Signed
	case d.Evidence == nil:
		err = fmt.Errorf("no commit of git came with it: publish it from where it is committed: %w", schema.ErrForbidden)
	default:
		c, err = signed.Verify(*d.Evidence, d.Files, rules.Signers)
	}
	if err == nil {
		err = stillHere(r, book, c.Signer)
	}
	if err != nil {
		return signed.Commit{}, fmt.Errorf("the policy in force demands that somebody signed it whom it names: %w", err)
	}
	return c, nil
}

// stillVouched returns nil where a publication is signed as the policy in force demands, by
// who did not leave since.
func stillVouched(r store.Reader, book *policy.Book, q schema.Publication) error {
	switch {
	case !book.Publication().SignedCommits:
		return nil
	case q.Signer == "":
		return fmt.Errorf("publication %s: the policy in force demands that somebody signed it, and nobody did: %w", q.ID, schema.ErrForbidden)
	}
	return stillHere(r, book, q.Signer)
}

func stillHere(r store.Reader, book *policy.Book, signer string) error {
	people := governance{book: book, reader: r, known: map[string]presence{}}
	there, err := people.presence(signer)
	if err == nil && there == left {
		err = fmt.Errorf("%s, who signed it, left: %w", signer, schema.ErrForbidden)
	}
	return err
}

// unsigned says why a folder is not taken up that the policy in force demands to be
// signed; nothing if it is, or only lowers modes, which never waits. Of one that is, it
// returns the commit.
func unsigned(r store.Reader, now, folder *Draft) (why string, c signed.Commit, err error) {
	if now.Book.Digest() == folder.Book.Digest() || now.Book.OnlyLowers(folder.Book) == nil {
		return "", c, nil
	}
	c, err = vouched(r, now.Book, folder)
	if errors.Is(err, schema.ErrForbidden) || errors.Is(err, schema.ErrInvalid) {
		return "the policy folder is not what is in force: " + schema.Told(err), c, nil
	}
	return "", c, err
}
