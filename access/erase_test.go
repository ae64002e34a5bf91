package access_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/access"
	"drawbridge/access/erasure"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// canaries are what is known of somebody, in any case of letters.
var canaries = []string{"zebulon", "quagga", "okapi", "her knee hurts", "platypus"}

// TestErase looks through the whole file, byte by byte, for what was known of a leaver once
// they are forgotten and the file is compacted. The log is still what was signed. R-LOG-6.
func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		w := openedWorld(t, path)
		signer, verifier := keys(t)
		w.publish(w.rules.Book())
		who := w.knownWell()
		w.sign(signer)
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		for _, word := range canaries {
			if !holdsWord(t, path, word) {
				t.Fatalf("%q was never there", word)
			}
		}
		w = openedWorld(t, path)
		done := w.forget(who)
		if len(done.Kept) != 1 || !strings.Contains(done.Kept[0], "the id of their account at wiki") {
			t.Errorf("kept %q", done.Kept)
		}
		w.work()
		w.passing(time.Hour)
		w.lane(access.LaneNotice, func(store.Item) (access.Finish, error) { return nil, nil }) // there is nothing to tell
		w.sign(signer)
		w.verified(verifier)
		w.check()
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := bolt.Compact(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		for _, word := range canaries {
			if holdsWord(t, path, word) {
				t.Errorf("%q is in the file still: %s", word, strings.ToValidUTF8(strings.ReplaceAll(near(t, path, word), "\x00", "."), "?"))
			}
		}
		w = openedWorld(t, path)
		w.check()
		w.verified(verifier)
		w.view(func(r store.Reader) error {
			rec, err := store.Identities.Get(r, who)
			if err != nil || rec.UserName != "forgotten/"+who || !rec.Gone() {
				t.Errorf("their record is %+v, %v", rec, err)
			}
			return nil
		})
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func openedWorld(t *testing.T, path string) *world {
	t.Helper()
	e, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, e)
}

func holdsWord(t *testing.T, path, word string) bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(lower(text), []byte(word))
}

// lower is ASCII in lower case, byte for byte.
func lower(text []byte) []byte {
	for i, b := range text {
		if 'A' <= b && b <= 'Z' {
			text[i] = b + 'a' - 'A'
		}
	}
	return text
}

// near is what a word stands among in a file.
func near(t *testing.T, path, word string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(lower(text), []byte(word))
	return string(bytes.ToValidUTF8(text[max(0, i-200):min(len(text), i+200)], []byte("?")))
}

// knownWell has somebody come, of whom much becomes known, and leave.
func (w *world) knownWell() (who string) {
	w.t.Helper()
	const secret = "her knee hurts"
	w.update(func(tx store.Tx) error {
		g, err := access.AdmitGroup(tx, w.hr(), schema.Group{DisplayName: "crew"})
		if err == nil {
			_, err = access.Park(tx, w.hr(), g.ID, "zebulon@example.com")
		}
		return err
	})
	w.update(func(tx store.Tx) error {
		rec, err := access.Admit(tx, w.hr(), schema.Identity{
			UserName: "Zebulon", ExternalID: "quagga-1", Email: "zebulon@example.com", OtherEmails: []string{"okapi@example.com"}, Active: true, Kind: schema.Human,
			Resource: []byte(`{"userName":"Zebulon","externalId":"quagga-1","displayName":"Platypus","emails":[{"value":"zebulon@example.com","primary":true},{"value":"okapi@example.com"}],` +
				`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering"}}`),
		})
		who = rec.ID
		if err != nil {
			return err
		}
		return access.KeepRaw(tx, w.hr(), schema.RawCopy{Resource: who, Method: "POST", Body: []byte(`{"nickName":"Platypus"}`)})
	})
	w.work()
	w.grant(who, "editor")
	w.work()
	w.update(func(tx store.Tx) error {
		err := access.Revoke(tx, w.rules.Book(), access.Revocation{Identity: who, Role: "editor", By: "token/test", Reason: secret})
		if err != nil {
			return err
		}
		f := schema.Finding{Kind: "unmanaged", Connector: "wiki", Subject: who, Object: "x", Reason: "it is there"}
		if err := access.Report(tx, w.rules.Book(), "sweep/unmanaged", f); err != nil {
			return err
		}
		if err := access.Notify(tx, schema.Notice{To: "mailto:zebulon@example.com", Kind: "work", Subject: "x", What: "something"}); err != nil {
			return err
		}
		if err := access.Notify(tx, schema.Notice{To: "operators", Kind: "work", Subject: "y", What: "at wiki, for Zebulon: something"}); err != nil {
			return err
		}
		_, err = access.IgnoreFinding(tx, w.rules.Book(), access.Settling{
			Finding: f.ID(), By: access.Decider{Actor: "token/ops"}, Reason: secret, Until: tx.Now().Add(24 * time.Hour),
		})
		return err
	})
	w.work()
	w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), who) })
	w.work()
	return who
}

// TestEraseWhatIsNeeded keeps what is known of somebody whom a source still has, or who
// has an account that is in use.
func TestEraseWhatIsNeeded(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		ada, bob := w.admit(person{name: "ada", department: "Engineering"}), w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.admit(person{id: ada, name: "ada", department: "Engineering", inactive: true})
		w.update(func(tx store.Tx) error { return access.Remove(tx, w.hr(), bob) })
		forget := func(who, want string) {
			t.Helper()
			done := w.forget(who)
			if !strings.Contains(strings.Join(done.Kept, "; "), want) {
				t.Errorf("kept %q, want %q", done.Kept, want)
			}
			w.view(func(r store.Reader) error {
				rec, err := store.Identities.Get(r, who)
				if strings.HasPrefix(rec.UserName, "forgotten/") {
					t.Errorf("%s is not known any more", who)
				}
				return err
			})
		}
		forget(bob, "until their account at wiki is disabled")
		w.work()
		forget(ada, "their record of source hr")
		w.work()
	})
}

// TestEraseLeavesWhatIsOfOthers forgets somebody whose name is in others' names, and who
// has an account at a target that the policy has no more. R-LOG-6.
func TestEraseLeavesWhatIsOfOthers(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		w.publish(w.rules.Book())
		bob := w.admit(person{name: "bob", department: "Engineering"})
		w.work()
		w.update(func(tx store.Tx) error {
			return errors.Join(access.Remove(tx, w.hr(), bob),
				store.Accounts.Put(tx, schema.Account{Connector: "former", Identity: bob, RemoteID: "r1", Active: true, Attributes: map[string]string{"userName": "bob"}}),
				access.Notify(tx, schema.Notice{To: "bea", Kind: "work", Subject: "a", What: "at wiki, for bobby: something"}),
				access.Notify(tx, schema.Notice{To: "bea", Kind: "work", Subject: "b", What: "at wiki, for bob.smith, jim-bob and bob@example.net: something"}),
				access.Notify(tx, schema.Notice{To: "bea", Kind: "work", Subject: "c", What: "at wiki, for bob: something"}),
				access.Notify(tx, schema.Notice{To: bob, Kind: "work", Subject: "d", What: "something"}))
		})
		w.work()
		done := w.forget(bob)
		if !strings.Contains(strings.Join(done.Kept, "; "), "the id of their account at former") {
			t.Errorf("kept %q, and nothing is said of the account at former", done.Kept)
		}
		w.view(func(r store.Reader) error {
			for subject, want := range map[string]string{
				"a": "at wiki, for bobby: something",
				"b": "at wiki, for bob.smith, jim-bob and bob@example.net: something",
				"c": "at wiki, for forgotten/" + bob + ": something",
			} {
				if n, err := store.Notices.Get(r, "bea", "work", subject); err != nil || n.What != want {
					t.Errorf("somebody else is to be told %q, %v, want %q", n.What, err, want)
				}
			}
			if had, err := store.Notices.Has(r, bob, "work", "d"); had || err != nil {
				t.Errorf("what they were to be told is there: %v, %v", had, err)
			}
			a, err := store.Accounts.Get(r, "former", bob)
			if err == nil && a.Attributes != nil {
				t.Errorf("what their account at former was told is there: %v", a.Attributes)
			}
			return err
		})
	})
}

// forget forgets somebody.
func (w *world) forget(who string) erasure.Erased {
	w.t.Helper()
	done, err := erasure.Forget(w.t.Context(), w.store, w.rules.Book(), erasure.Forgetting{Identity: who, By: "token/dpo", Reason: "asked for"})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}
