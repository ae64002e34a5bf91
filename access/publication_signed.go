package access

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"drawbridge/policy"
	"drawbridge/policy/signed"
	"drawbridge/schema"
	"drawbridge/store"
)

// A policy may demand that whoever writes the next one signs it (publication.signedCommits).
// Then the documents must be those of a commit that is signed with a key which the policy
// in force names, of a person who is there; what whoever sends them says of commit
// and author counts for nothing. A version that was signed when it came into force may
// come back without its commit, for as long as whoever signed it is named: its documents
// are the store's.
//
// Nor is it for whoever sends a commit to choose one that was signed long ago, or in another
// place: it is of the folder that is meant, and comes after the newest one that was in force.
// What goes back, or lowers modes, changes nothing about which that is.
//
// Where none of those is there any more whom it names, nobody could sign: then it is as
// with a policy to which too few could agree. Those agree who must, and where nobody must,
// one person does it on their own word, which is found.

// nobodySigns is why something is not signed that should be.
const nobodySigns = "the policy in force demands that somebody signed it whom it names, and none of them is there any more"

// vouched returns the commit that a draft is of, where the policy in force demands that
// somebody signed it, or where the draft demands that of the next. Where nobody did, or
// nobody who may, the error is ErrForbidden; where nobody could, nobody says so.
func vouched(r store.Reader, book *policy.Book, d *Draft) (c signed.Commit, nobody string, err error) {
	rules := book.Publication()
	switch {
	case !rules.Signed():
		return began(d), "", nil
	case d.Signed.Signer != "":
		if c = d.Signed; !rules.Names(c.Signer) {
			err = fmt.Errorf("%s signed it, whom the policy in force does not name any more: %w", c.Signer, schema.ErrForbidden)
		}
	case d.Evidence == nil:
		err = fmt.Errorf("no commit of git came with it: publish it from where it is committed: %w", schema.ErrForbidden)
	default:
		c, err = verified(r, rules, d)
	}
	if err == nil {
		err = stillHere(r, book, c.Signer)
	}
	if err == nil {
		return c, "", nil
	}
	if nobody, unknown := orphaned(r, book); nobody != "" || unknown != nil {
		return signed.Commit{}, nobody, unknown
	}
	return signed.Commit{}, "", fmt.Errorf("the policy in force demands that somebody signed it whom it names: %w", err)
}

// verified returns the commit that a draft is of, as its evidence says.
func verified(r store.Reader, rules policy.Publication, d *Draft) (signed.Commit, error) {
	newest, err := newestCommit(r)
	if err != nil {
		return signed.Commit{}, err
	}
	demand := signed.Demand{Signers: rules.Signers, Folder: cmp.Or(rules.Folder, newest.Folder), After: newest.ID}
	return demand.Verify(*d.Evidence, d.Files)
}

// NewestCommit returns the commit that the next one comes after where it has to be signed:
// the newest of those that were in force. It is empty where none was.
func NewestCommit(r store.Reader) (string, error) {
	newest, err := newestCommit(r)
	return newest.ID, err
}

// settingCommit keeps the newest commit that was verified, so that it need not be sought
// among all that was ever published.
const settingCommit = "policyCommit"

// A newestKept is that commit as it is kept, and the policy that was in force then: where it
// is another now, a version of the program published it that keeps no such thing.
type newestKept struct {
	signed.Commit
	Policy string `json:"policy"`
}

// newestCommit returns the newest commit that was verified, and its folder.
func newestCommit(r store.Reader) (newest signed.Commit, err error) {
	row, err := store.Settings.Get(r, settingCommit)
	if schema.IsNotFound(err) {
		return newestPublished(r)
	}
	inForce, missing := store.PolicyInForce(r)
	var kept newestKept
	if err = errors.Join(err, missing); err == nil {
		err = json.Unmarshal([]byte(row.Value), &kept)
	}
	if err == nil && kept.Policy != inForce {
		return newestPublished(r)
	}
	return kept.Commit, err
}

// newestPublished is newestCommit of a store in which it was not kept.
// What was published before folders were kept tells of none.
func newestPublished(r store.Reader) (newest signed.Commit, err error) {
	for q, err := range store.Publications.By(r, store.PublicationState, string(schema.PublicationPublished)) {
		if err != nil {
			return newest, err
		}
		if q.Folder != "" || newest.Folder == "" && q.Signer != "" && !q.Back && !q.Reread {
			newest = commitOf(q)
		}
	}
	return newest, nil
}

// noteCommit keeps which commit is the newest when a policy is about to come into force: its
// own where that was verified, and otherwise the one that was it before.
func noteCommit(tx store.Tx, q schema.Publication) error {
	newest := commitOf(q)
	if q.Folder == "" {
		var err error
		if newest, err = newestCommit(tx); err != nil {
			return err
		}
	}
	value, err := json.Marshal(newestKept{Commit: newest, Policy: q.Digest})
	if err != nil {
		return err
	}
	return store.Settings.Put(tx, store.Setting{Name: settingCommit, Value: string(value)})
}

// commitOf is of which commit something was published, without whoever wrote or signed it.
func commitOf(q schema.Publication) signed.Commit {
	return signed.Commit{ID: q.Commit, Folder: q.Folder}
}

// began returns the commit of a policy of which nobody demands that it is signed, and which
// demands it of the next: that comes after it. It is empty where the documents are of none.
func began(d *Draft) signed.Commit {
	if d.Evidence == nil || !d.Book.Publication().Signed() {
		return signed.Commit{}
	}
	c, err := signed.Of(*d.Evidence, d.Files)
	if err != nil {
		return signed.Commit{}
	}
	return c
}

// orphaned returns why nobody could sign; nothing where somebody could.
func orphaned(r store.Reader, book *policy.Book) (nobody string, err error) {
	for _, s := range book.Publication().Signers {
		if err := stillHere(r, book, s.User); !errors.Is(err, schema.ErrForbidden) {
			return "", err
		}
	}
	return nobodySigns, nil
}

// stillVouched returns nil where a publication is signed as the policy in force demands, by
// who did not leave since, or where people agree to it and nobody could sign.
func stillVouched(r store.Reader, book *policy.Book, q schema.Publication) (nobody string, err error) {
	rules := book.Publication()
	switch {
	case !rules.Signed():
		return "", nil
	case q.Signer == "":
		err = fmt.Errorf("publication %s: the policy in force demands that somebody signed it, and nobody did: %w", q.ID, schema.ErrForbidden)
	default:
		err = stillHere(r, book, q.Signer)
	}
	if !errors.Is(err, schema.ErrForbidden) || len(seatsOf(rules, q.Beyond)) == 0 {
		return "", err
	}
	if nobody, unknown := orphaned(r, book); nobody != "" || unknown != nil {
		return nobody, unknown
	}
	return "", err
}

// stillHere returns nil where a signer is there. Nobody is before any source told of
// people, and then whom the policy names is believed.
func stillHere(r store.Reader, book *policy.Book, signer string) error {
	people := governance{book: book, reader: r, known: map[string]presence{}}
	there, err := people.presence(signer)
	switch {
	case err != nil || there == here:
		return err
	case there == left:
		return fmt.Errorf("%s, who signed it, left: %w", signer, schema.ErrForbidden)
	}
	anybody, err := store.Identities.Count(r)
	if err == nil && anybody > 0 {
		err = fmt.Errorf("no source tells of %s, who signed it: %w", signer, schema.ErrForbidden)
	}
	return err
}

// unsigned says why a folder is not taken up that the policy in force demands to be
// signed; nothing if it is, or only lowers modes, which never waits. Of one that is, it
// returns the commit.
func unsigned(r store.Reader, now, folder *Draft) (why string, c signed.Commit, err error) {
	switch {
	case now == nil:
		return "", began(folder), nil
	case now.Book.Digest() == folder.Book.Digest():
		return "", now.Signed, nil
	case now.Book.OnlyLowers(folder.Book) == nil:
		return "", c, nil
	}
	c, nobody, err := vouched(r, now.Book, folder)
	if nobody != "" {
		return "the policy folder is not what is in force: " + nobody + ": drawbridge policy publish --alone", c, nil
	}
	if errors.Is(err, schema.ErrForbidden) || errors.Is(err, schema.ErrInvalid) {
		return "the policy folder is not what is in force: " + schema.Told(err), c, nil
	}
	return "", c, err
}
