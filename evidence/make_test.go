package evidence_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"drawbridge/evidence"
	"drawbridge/evidence/pack"
	"drawbridge/schema"
	"drawbridge/store"
)

// TestPacks makes a pack of each framework and verifies it with the public key alone.
// R-LOG-3, R-LOG-5.
func TestPacks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for _, name := range evidence.Frameworks() {
			dir := w.make(w.request(name))
			report, err := pack.Verify(os.DirFS(dir), w.public)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if report.Rows == 0 || report.Files < 10 || report.Manifest.Framework != name {
				t.Errorf("%s: %+v", name, report)
			}
			f, err := evidence.FrameworkOf(name)
			if err != nil {
				t.Fatal(err)
			}
			all := tree(t, dir)
			for _, c := range f.Controls {
				for _, file := range []string{c.File() + ".csv", c.File() + ".json"} {
					if !strings.Contains(all[file], c.ID) {
						t.Errorf("%s: %s does not show %s: %q", name, file, c.ID, all[file])
					}
				}
				for _, e := range c.Evidence {
					if !strings.Contains(all[c.File()+".csv"], c.ID+","+e+",rows,") && !strings.Contains(all[c.File()+".csv"], `"`+c.ID+`",`+e+",rows,") || !strings.Contains(all[c.File()+".json"], `"`+e+`"`) {
						t.Errorf("%s: %s is not shown by %s", name, c.ID, e)
					}
				}
			}
			readme := all["README.md"]
			for _, u := range f.Uncovered {
				if !strings.Contains(readme, "**"+u.ID+"**") {
					t.Errorf("%s: the page does not say that %s is not covered", name, u.ID)
				}
			}
		}
	})
}

// TestSamePack makes a pack twice: the same store, period and seed are the same bytes.
func TestSamePack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		request := w.request("soc2")
		first, second := tree(t, w.make(request)), tree(t, w.make(request))
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("first, second: %s", diff)
		}
		request.Seed = "another"
		third := tree(t, w.make(request))
		w.work(true) // what was open closes, which is of the next period
		later := tree(t, w.make(request))
		for _, name := range []string{"leavers", "removals", "joiners", "grants"} {
			if later["populations/"+name+".csv"] != first["populations/"+name+".csv"] {
				t.Errorf("population %s of a period that is over became another", name)
			}
		}
		if third["populations/joiners.csv"] != first["populations/joiners.csv"] {
			t.Error("another seed makes another population")
		}
		if third["samples/joiners.csv"] == first["samples/joiners.csv"] {
			t.Error("another seed draws the same sample")
		}
	})
}

// TestWhatIsNotKnown counts what nobody confirmed apart. R-LOG-7, R-SLO-3.
func TestWhatIsNotKnown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := tree(t, w.make(w.request("soc2")))
		outcomes := map[string]string{}
		_, err := pack.ReadTable(strings.NewReader(all["populations/leavers.csv"]), func(row map[string]string) error {
			outcomes[row["userName"]] = row["outcome"]
			if (row["outcome"] == "unconfirmed") != (row["seconds"] == "") {
				t.Errorf("%s: %s after %q seconds", row["userName"], row["outcome"], row["seconds"])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"person00": "read back", "person01": "acknowledged", "person02": "unconfirmed"}
		if diff := cmp.Diff(want, outcomes); diff != "" {
			t.Errorf("want, got: %s", diff)
		}
		_, err = pack.ReadTable(strings.NewReader(all["populations/grants.csv"]), func(row map[string]string) error {
			if row["approvedBy"] != "iam@example.com" || row["approvals"] != "approved" || row["ticket"] != "=CHG-1" {
				t.Errorf("grant: %v", row)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		privileged := tree(t, w.make(w.request("iso27001")))["populations/privileged-changes.csv"]
		if !strings.Contains(privileged, "wiki/admins") || strings.Contains(privileged, "wiki/readers") {
			t.Errorf("privileged changes:\n%s", privileged)
		}
		if !strings.Contains(all["populations/grants.csv"], ",'=CHG-1") {
			t.Error("a cell begins as a formula does")
		}
		if !strings.Contains(all["controls/CC6.2.csv"], "outcome is unconfirmed,1") {
			t.Errorf("the lead sheet does not say what is unconfirmed:\n%s", all["controls/CC6.2.csv"])
		}
	})
}

// TestPrivilegeThatComesAlong is of a group that is not privileged and is, by way of another,
// in one that is: who has it is among the privileged, and so is that they got and lost it. R-INH-2.
func TestPrivilegeThatComesAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, strings.Replace(documents, "entitlement: admins", "entitlement: owners", 1))
		ann, bob := w.tell("", "ann", true), w.tell("", "bob", true)
		w.work(true)
		w.grant(ann)
		w.grant(bob)
		w.work(true)
		w.tell(bob, "bob", false)
		w.work(true)
		w.sign()
		all := tree(t, w.make(w.request("iso27001")))
		read := func(name string, each func(row map[string]string)) {
			t.Helper()
			if _, err := pack.ReadTable(strings.NewReader(all["populations/"+name+".csv"]), func(row map[string]string) error { each(row); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		var holders, changes []string
		read("privileged-holders", func(row map[string]string) {
			holders = append(holders, row["userName"]+" "+row["entitlement"]+" "+row["reaches"])
		})
		read("privileged-changes", func(row map[string]string) {
			changes = append(changes, row["userName"]+" "+row["verb"]+" "+row["object"])
		})
		slices.Sort(changes)
		if want := []string{"ann wiki/owners wiki/admins"}; !slices.Equal(holders, want) {
			t.Errorf("the privileged are %q, want %q", holders, want)
		}
		if want := []string{"ann assigned wiki/owners", "bob assigned wiki/owners", "bob unassigned wiki/owners"}; !slices.Equal(changes, want) {
			t.Errorf("of the privileged is said %q, want %q", changes, want)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestPseudonyms looks for names in a pack that is to have none.
func TestPseudonyms(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		request := w.request("soc2")
		request.Pseudonyms = true
		dir := w.make(request)
		if _, err := pack.Verify(os.DirFS(dir), w.public); err != nil {
			t.Fatal(err)
		}
		for name, text := range tree(t, dir) {
			if strings.HasPrefix(name, "policy/") {
				continue
			}
			if strings.Contains(text, "person0") || strings.Contains(text, "@example.com") {
				t.Errorf("%s names somebody", name)
			}
		}
	})
}

// TestPeriods asks for periods that begin and end in the middle, are empty, or not
// signed yet.
func TestPeriods(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		request := w.request("soc2")
		request.From, request.To = request.To.Add(-70e9), request.To.Add(-30e9)
		dir := w.make(request)
		report, err := pack.Verify(os.DirFS(dir), w.public)
		if err != nil {
			t.Fatal(err)
		}
		if m := report.Manifest; m.First == 0 || len(m.Policies) != 1 {
			t.Errorf("entries %d to %d, policies %v", m.First, m.Next, m.Policies)
		}
		if _, there := tree(t, dir)[pack.ConsistencyFile]; !there {
			t.Error("there is a checkpoint before the period, and no proof from it on")
		}
		request.From, request.To = w.begun.AddDate(-1, 0, 0), w.begun.AddDate(-1, 1, 0)
		err = w.makeIn(request, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "no policy was in force") {
			t.Errorf("before anything was: got %v", err)
		}
		w.tell("", "late", true)
		time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
		err = w.makeIn(w.request("soc2"), t.TempDir())
		if !errors.Is(err, schema.ErrUnavailable) {
			t.Errorf("of what is not signed: got %v, want ErrUnavailable", err)
		}
		err = w.makeIn(w.request("soc9"), t.TempDir())
		if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "soc2") {
			t.Errorf("of a framework that is none: got %v, want the names of those there are", err)
		}
	})
}

// TestWhoSignedAPolicy reads who signed it in the register of policies, and their name
// nowhere in a pack that is to have none.
func TestWhoSignedAPolicy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.update(func(tx store.Tx) error {
			for q, err := range store.Publications.All(tx) {
				if err != nil {
					return err
				}
				q.Signer = "ann@example.com"
				return store.Publications.Put(tx, q)
			}
			return errors.New("no policy was published")
		})
		request := w.request("soc2")
		for _, pseudonyms := range []bool{false, true} {
			request.Pseudonyms = pseudonyms
			var signed []string
			_, err := pack.ReadTable(strings.NewReader(tree(t, w.make(request))["populations/policy-versions.csv"]), func(row map[string]string) error {
				signed = append(signed, row["signedBy"])
				return nil
			})
			if err != nil || len(signed) != 1 || signed[0] == "" || (signed[0] == "ann@example.com") == pseudonyms {
				t.Errorf("with pseudonyms %v it is signed by %q, %v", pseudonyms, signed, err)
			}
		}
	})
}
