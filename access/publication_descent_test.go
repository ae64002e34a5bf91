package access_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"drawbridge/access"
	"drawbridge/policy/signed/signedtest"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/enginetest"
)

// readsSigned is the policy of signing in which engineers read something.
func readsSigned(t *testing.T, what string) *access.Draft {
	return draft(t, oneMode, signing(""), firstOther, ungated(), "Engineers read the wiki.", "Engineers read "+what+".")
}

// publishNow has one person publish.
func (c *council) publishNow(d *access.Draft) error {
	c.t.Helper()
	x := c.proposing(d)
	err := c.store.Update(c.t.Context(), func(tx store.Tx) error {
		_, err := access.PublishNow(tx, c.rules.Book(), x, false)
		return err
	})
	if err == nil {
		c.rules.Use(d.Book)
		c.work()
	}
	return err
}

// inFolder is a draft whose documents somebody committed in a folder, and signed.
func inFolder(hand signedtest.Hand, folder string, d *access.Draft, parents ...string) *access.Draft {
	e := hand.Sign(signedtest.Work{Author: hand.User, Folder: folder, Documents: d.Files, Parents: parents})
	d.Evidence = &e
	return d
}

// TestOldSignedCommit is R-PUB-2: whoever may publish, and has a copy of the repository,
// cannot have what somebody signed long ago come back, nor what somebody signed in another
// place of it.
func TestOldSignedCommit(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		old := by(adaSigns, "ada@example.com", readsSigned(t, "everything"))
		newer := by(oneSigns, "ada@example.com", readsSigned(t, "a page"), signedtest.ID(*old.Evidence))
		if err := c.publishNow(newer); err != nil {
			t.Fatal(err)
		}
		c.refuses("what was signed before that", c.publishNow(old), schema.ErrForbidden)

		next := readsSigned(t, "some pages")
		err := c.publishNow(inFolder(adaSigns, "rules/staging", next, signedtest.ID(*newer.Evidence)))
		c.refuses("what was signed in another folder", err, schema.ErrForbidden)
		if err != nil && !strings.Contains(err.Error(), "rules/staging") {
			t.Errorf("refused because %q", err)
		}
		if err := c.publishNow(by(adaSigns, "ada@example.com", next, signedtest.ID(*newer.Evidence))); err != nil {
			t.Errorf("the same in the folder that is meant: %v", err)
		}
	})
}

// TestDescentBeginsWithWhatIsInForce has the policy that first demands signatures be of a
// commit, which nobody has to have signed: already the next one has to come after that.
func TestDescentBeginsWithWhatIsInForce(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t))
		first := readsSigned(t, "the wiki")
		e := adaSigns.Unsigned(signedtest.Work{Author: "eve@example.com", Folder: "policy", Documents: first.Files})
		first.Evidence = &e
		if err := c.publishNow(first); err != nil {
			t.Fatal(err)
		}
		old := func() *access.Draft { return readsSigned(t, "everything") }
		c.refuses("what was signed before it", c.publishNow(inFolder(adaSigns, "policy", old())), schema.ErrForbidden)
		c.refuses("another folder", c.publishNow(inFolder(adaSigns, "staging", old(), signedtest.ID(e))), schema.ErrForbidden)
		if err := c.publishNow(inFolder(adaSigns, "policy", old(), signedtest.ID(e))); err != nil {
			t.Errorf("what comes after it: %v", err)
		}
	})
}

// TestDescentIsNotForgotten has a policy come into force that nobody had to sign, as it only
// lowers modes, or goes back: which commit was the newest stays so, however often it is read
// as another policy.
func TestDescentIsNotForgotten(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		one := by(adaSigns, "ada@example.com", readsSigned(t, "a page"))
		two := by(oneSigns, "ada@example.com", readsSigned(t, "two pages"), signedtest.ID(*one.Evidence))
		for _, d := range []*access.Draft{one, two} {
			if err := c.publishNow(d); err != nil {
				t.Fatal(err)
			}
		}
		lowered := draft(t, oneMode, strings.Replace(signing(""), "enforce", "propose", 1), firstOther, ungated(), "Engineers read the wiki.", "Engineers read two pages.")
		skipped := adaSigns.Commit("ada@example.com", lowered.Files, signedtest.ID(*one.Evidence))
		lowered.Evidence = &skipped
		if err := c.publishNow(lowered); err != nil {
			t.Fatal(err)
		}
		passedOver := func() *access.Draft {
			return by(adaSigns, "ada@example.com", readsSigned(t, "everything"), signedtest.ID(*one.Evidence))
		}
		c.refuses("after modes were lowered", c.publishNow(passedOver()), schema.ErrForbidden)
		var back *access.Draft
		w.view(func(r store.Reader) (err error) {
			back, err = access.Version(r, one.Book.Digest())
			return err
		})
		if err := c.publishNow(back); err != nil {
			t.Fatal(err)
		}
		c.refuses("after it went back", c.publishNow(passedOver()), schema.ErrForbidden)
		if err := c.publishNow(by(adaSigns, "ada@example.com", readsSigned(t, "everything"), signedtest.ID(*two.Evidence))); err != nil {
			t.Errorf("what comes after the newest: %v", err)
		}
	})
}

// TestFolderMoves has a policy say in which folder the next one is.
func TestFolderMoves(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		moves := draft(t, oneMode, signing(", folder: rules"), "Engineers read the wiki.", "Engineers read a page.")
		if err := c.publishNow(inFolder(adaSigns, "policy", moves)); err != nil {
			t.Fatal(err)
		}
		id := signedtest.ID(*moves.Evidence)
		c.refuses("where it was", c.publishNow(inFolder(adaSigns, "policy", readsSigned(t, "all"), id)), schema.ErrForbidden)
		if err := c.publishNow(inFolder(adaSigns, "rules", readsSigned(t, "all"), id)); err != nil {
			t.Errorf("where it is said to be: %v", err)
		}
	})
}

// TestReadAnewIsNotNewer has a store from before folders were kept go back to an older
// version, which another version of the program reads as another policy: of what was signed
// the newest stays the newest.
func TestReadAnewIsNotNewer(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		one := by(adaSigns, "ada@example.com", readsSigned(t, "a page"))
		two := by(oneSigns, "ada@example.com", readsSigned(t, "two pages"), signedtest.ID(*one.Evidence))
		for _, d := range []*access.Draft{one, two} {
			if err := c.publishNow(d); err != nil {
				t.Fatal(err)
			}
		}
		w.update(func(tx store.Tx) error {
			if err := store.Settings.Delete(tx, "policyCommit"); err != nil {
				return err
			}
			for _, d := range []*access.Draft{one, two} {
				for q, err := range store.Publications.By(tx, store.PublicationDigest, d.Book.Digest()) {
					if err != nil {
						return err
					}
					q.Folder = ""
					if err := store.Publications.Put(tx, q); err != nil {
						return err
					}
				}
			}
			v, err := store.Policies.Get(tx, one.Book.Digest())
			if err != nil {
				return err
			}
			w.forged, v.Digest = true, "as it was read before" // which nothing can be decided by again
			if err := store.Policies.Put(tx, v); err != nil {
				return err
			}
			if err := store.Settings.Put(tx, store.Setting{Name: store.SettingPolicy, Value: v.Digest}); err != nil {
				return err
			}
			now, err := access.InForce(tx)
			if err != nil {
				return err
			}
			got, err := access.TakeUp(tx, now, now, "bridge")
			if err == nil && !got.Changed {
				t.Error("it was not read anew")
			}
			c.rules.Use(got.Draft.Book)
			return err
		})
		c.refuses("what comes after the older one", c.publishNow(by(adaSigns, "ada@example.com", readsSigned(t, "all"), signedtest.ID(*one.Evidence))), schema.ErrForbidden)
		if err := c.publishNow(by(adaSigns, "ada@example.com", readsSigned(t, "all"), signedtest.ID(*two.Evidence))); err != nil {
			t.Errorf("what comes after the newest: %v", err)
		}
	})
}

// TestCommitsFromBeforeFoldersWereKept has what was published by a version of the program
// that kept no folder be the newest commit, but not where it went back to it.
func TestCommitsFromBeforeFoldersWereKept(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		one := by(adaSigns, "ada@example.com", readsSigned(t, "a page"))
		if err := c.publishNow(one); err != nil {
			t.Fatal(err)
		}
		w.update(func(tx store.Tx) error {
			if err := store.Settings.Delete(tx, "policyCommit"); err != nil {
				return err
			}
			for q, err := range store.Publications.By(tx, store.PublicationDigest, one.Book.Digest()) {
				if err != nil {
					return err
				}
				q.Folder = ""
				if err := store.Publications.Put(tx, q); err != nil {
					return err
				}
				q.ID, q.Back, q.Commit = tx.NewID(), true, strings.Repeat("0", 40)
				return store.Publications.Put(tx, q)
			}
			return nil
		})
		c.refuses("another one", c.publishNow(by(oneSigns, "ada@example.com", readsSigned(t, "all"))), schema.ErrForbidden)
		if err := c.publishNow(by(oneSigns, "ada@example.com", readsSigned(t, "all"), signedtest.ID(*one.Evidence))); err != nil {
			t.Errorf("what comes after it: %v", err)
		}
	})
}

// TestNewestCommitIsAtHand has many policies come into force, by which it takes no longer to
// tell what the next one has to come after.
func TestNewestCommitIsAtHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &counting{Engine: enginetest.Memory(1)}
		w := newWorld(t, e)
		defer w.store.Close()
		c := newCouncil(w, readsSigned(t, "the wiki"))
		var last, id string
		publish := func(n int) (reads int) {
			var parents []string
			if id != "" {
				parents = []string{id}
			}
			d := by(adaSigns, "ada@example.com", readsSigned(t, fmt.Sprint(n, " pages")), parents...)
			if err := c.publishNow(d); err != nil {
				t.Fatal(err)
			}
			id = signedtest.ID(*d.Evidence)
			before := e.reads
			w.view(func(r store.Reader) (err error) {
				last, err = access.NewestCommit(r)
				return err
			})
			return e.reads - before
		}
		first := publish(0)
		for n := range 9 {
			if reads := publish(n + 1); reads > first || last != id {
				t.Fatalf("after %d publications it takes %d reads to find %s, after one %d; want %s", n+2, reads, last, first, id)
			}
		}
	})
}

// TestNewestCommitAfterAnOlderVersion has a version of the program publish that keeps no
// newest commit: what was kept before it is the newest no more.
func TestNewestCommitAfterAnOlderVersion(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, readsSigned(t, "the wiki"))
		one := by(adaSigns, "ada@example.com", readsSigned(t, "a page"))
		two := by(oneSigns, "ada@example.com", readsSigned(t, "two pages"), signedtest.ID(*one.Evidence))
		if err := c.publishNow(one); err != nil {
			t.Fatal(err)
		}
		var kept store.Setting
		w.update(func(tx store.Tx) (err error) {
			kept, err = store.Settings.Get(tx, "policyCommit")
			return err
		})
		if err := c.publishNow(two); err != nil {
			t.Fatal(err)
		}
		w.update(func(tx store.Tx) error { return store.Settings.Put(tx, kept) })
		c.refuses("what comes after the older one", c.publishNow(by(adaSigns, "ada@example.com", readsSigned(t, "all"), signedtest.ID(*one.Evidence))), schema.ErrForbidden)
		if err := c.publishNow(by(adaSigns, "ada@example.com", readsSigned(t, "all"), signedtest.ID(*two.Evidence))); err != nil {
			t.Errorf("what comes after the newest: %v", err)
		}
	})
}
