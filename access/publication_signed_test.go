package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/policy/signed/signedtest"
	"drawbridge/schema"
	"drawbridge/store"
)

var (
	oneSigns   = signedtest.NewHand("one@example.com", "one")
	adaSigns   = signedtest.NewHand("ada@example.com", "ada")
	nobodyElse = signedtest.NewHand("two@example.com", "not in the policy")
)

// signing is a policy of which one person must agree to the next, and whose commit one or
// ada must sign.
func signing(more string) string {
	var signers []string
	for _, hand := range []signedtest.Hand{oneSigns, adaSigns} {
		signers = append(signers, "{ user: "+hand.User+", key: "+hand.Signer().Key+" }")
	}
	return "  mode: enforce\n  publication: { signedCommits: true, signers: [" + strings.Join(signers, ", ") + "]" + more + " }\n  identity:"
}

const theBoard = ", approvers: { group: Board, min: 1 }"

// by is a draft whose documents somebody committed, after other commits, and signed.
func by(hand signedtest.Hand, author string, d *access.Draft, parents ...string) *access.Draft {
	e := hand.Commit(author, d.Files, parents...)
	d.Evidence = &e
	return d
}

// R-PUB-2: where the policy in force demands that commits are signed, what comes next is
// of one that somebody signed whom it names, and who neither wrote nor signed it agrees. What
// is said of commit and author besides counts for nothing.
func TestSignedPublication(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, signing(theBoard)))
		next := func() *access.Draft {
			return draft(t, oneMode, signing(theBoard), "Engineers read the wiki.", "Engineers may read the wiki.")
		}
		other := by(oneSigns, "lead@example.com", draft(t, oneMode, signing(theBoard)))
		for why, d := range map[string]*access.Draft{
			"no commit of git came with it":      next(),
			"is none of those that the policy":   by(nobodyElse, "lead@example.com", next()),
			"policy.yaml is another document in": {Set: next().Set, Book: next().Book, Files: next().Files, Evidence: other.Evidence},
		} {
			x := c.proposing(d)
			x.Commit, x.Author = strings.Repeat("a", 40), "lead@example.com"
			_, err := c.propose(x)
			c.refuses(why, err, schema.ErrForbidden)
			if err != nil && !strings.Contains(err.Error(), why) {
				t.Errorf("refused because %q, want %q", err, why)
			}
		}
		d := by(oneSigns, "two@example.com", next())
		x := c.proposing(d)
		x.Commit, x.Author = strings.Repeat("a", 40), "lead@example.com"
		q := c.must(c.propose(x))
		if q.Signer != "one@example.com" || q.Author != "two@example.com" || len(q.Commit) != 40 || q.Commit == x.Commit {
			t.Errorf("it is of commit %s, by %s, signed by %s", q.Commit, q.Author, q.Signer)
		}
		for _, who := range []string{"one", "two"} {
			_, err := c.approve(q, who)
			c.refuses(who+", who signed or wrote it, agrees", err, schema.ErrForbidden)
		}
		q = c.must(c.approve(q, "three"))
		w.admit(person{id: c.ids["one"], name: "one", inactive: true})
		w.work()
		_, err := c.publishPlanned(q, d)
		c.refuses("whoever signed it left", err, schema.ErrForbidden)
	})
}

// R-PUB-2, R-PUB-3: the folder beside the bridge is taken up where its commit is signed, or
// where it only lowers modes. A version that was signed comes back without its commit; one
// that was not does not.
func TestSignedFolder(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		c := newCouncil(w, draft(t, oneMode, signing("")))
		take := func(folder *access.Draft, want string) {
			t.Helper()
			w.update(func(tx store.Tx) error {
				now, err := access.InForce(tx)
				if err != nil {
					return err
				}
				got, err := access.TakeUp(tx, now, folder, "bridge")
				if err == nil && (got.Changed != (want == "") || !strings.Contains(got.Stays, want)) {
					t.Errorf("changed %t, stays %q; want %q", got.Changed, got.Stays, want)
				}
				if got.Changed {
					c.rules.Use(got.Draft.Book)
				}
				return err
			})
			w.work()
		}
		first := c.rules.Book().Digest()
		next := func(says string) *access.Draft {
			return draft(t, oneMode, signing(""), firstOther, ungated(), "Engineers read the wiki.", "Engineers may read "+says+".")
		}
		take(next("it"), "no commit of git came with it")
		take(by(nobodyElse, "ada@example.com", next("it")), "is none of those that the policy in force names")
		signedSecond := by(adaSigns, "ada@example.com", next("it"))
		take(signedSecond, "")
		second := c.rules.Book().Digest()
		if got := w.whyInForce(second); !strings.Contains(got, "signed by ada@example.com") {
			t.Errorf("the log says %q of what was signed", got)
		}
		signedThird := by(oneSigns, "ada@example.com", next("all of it"), signedtest.ID(*signedSecond.Evidence))
		take(by(oneSigns, "ada@example.com", next("nothing of it")), "it does not come after the commit "+signedtest.ID(*signedSecond.Evidence))
		take(signedThird, "")
		lowered := draft(t, oneMode, strings.Replace(signing(""), "enforce", "propose", 1), firstOther, ungated(), "Engineers read the wiki.", "Engineers may read all of it.")
		take(lowered, "")

		back := func(digest string) error {
			var d *access.Draft
			w.view(func(r store.Reader) (err error) {
				d, err = access.Version(r, digest)
				return err
			})
			x := c.proposing(d)
			x.Back = true
			return w.store.Update(t.Context(), func(tx store.Tx) error {
				_, err := access.PublishNow(tx, c.rules.Book(), x, false)
				return err
			})
		}
		c.refuses("back to what nobody signed", back(first), schema.ErrForbidden)
		if err := back(second); err != nil {
			t.Errorf("back to what was signed: %v", err)
		}
		w.work()
		withoutAda := draft(t, oneMode, strings.Replace(signing(""), ", { user: ada@example.com, key: "+adaSigns.Signer().Key+" }", "", 1))
		take(by(oneSigns, "one@example.com", withoutAda, signedtest.ID(*signedSecond.Evidence)), "it does not come after the commit "+signedtest.ID(*signedThird.Evidence))
		take(by(oneSigns, "one@example.com", withoutAda, signedtest.ID(*signedThird.Evidence)), "")
		c.refuses("back to what somebody signed who is not named any more", back(second), schema.ErrForbidden)
	})
}

// TestSignerOfWhomNobodyTells has somebody sign whom no source tells of, though sources tell
// of people: a name that was written wrong, or of somebody who was forgotten.
func TestSignerOfWhomNobodyTells(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		ghost := signedtest.NewHand("ghost@example.com", "ghost")
		c := newCouncil(w, draft(t, oneMode, strings.Replace(signing(""), "ada@example.com, key: "+adaSigns.Signer().Key, "ghost@example.com, key: "+ghost.Signer().Key, 1)))
		_, err := c.propose(c.proposing(by(ghost, "one@example.com", draft(t, "Engineers read the wiki.", "Engineers may read."))))
		c.refuses("ghost signs", err, schema.ErrForbidden)
		if err != nil && !strings.Contains(err.Error(), "no source tells of ghost@example.com") {
			t.Error(err)
		}
	})
}

// whyInForce returns why a policy came into force.
func (w *world) whyInForce(digest string) (reasons string) {
	w.view(func(r store.Reader) error {
		for e, err := range store.LogAbout(r, "policy/"+digest) {
			if err != nil {
				return err
			}
			reasons += e.Decision.Reason + "\n"
		}
		return nil
	})
	return reasons
}
