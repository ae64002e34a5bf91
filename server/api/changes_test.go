package api_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/audit"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// about returns the log's entries about a subject, oldest first.
func (w *world) about(subject string) (got []schema.Decision) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(r store.Reader) error {
		got = nil
		for e, err := range store.LogAbout(r, subject) {
			if err != nil {
				return err
			}
			got = append(got, e.Decision)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	before := w.logSize()
	body := `{"identity":"ada@example.com","role":"engineer","reason":"moved to Sales"}`
	var out api.Revoked
	w.want(200, "operator", "POST", "/api/v1/revocations?dryRun=true", body, &out)
	if !out.DryRun || !slices.Equal(out.Ends, []string{"wiki/readers"}) || out.Identity != ada.ID {
		t.Errorf("dry run: %+v", out)
	}
	if n := w.logSize(); n != before {
		t.Errorf("a dry run wrote %d decisions", n-before)
	}
	w.want(200, "operator", "POST", "/api/v1/revocations", body, &out)
	w.reconcile()
	var one api.Person
	w.want(200, "viewer", "GET", "/api/v1/identities/"+ada.ID, "", &one)
	if len(one.Assignments) != 0 || len(one.Tombstones) != 1 || one.Tombstones[0].By != "token/operator" {
		t.Errorf("afterwards: %+v", one)
	}
	log := w.about(ada.ID)
	i := slices.IndexFunc(log, func(d schema.Decision) bool { return d.Verb == schema.Revoked })
	if i < 0 || log[i].Actor != "token/operator" || log[i].Policy != w.rules.Book().Digest() {
		t.Errorf("the log: %+v", log)
	}
	w.want(404, "operator", "POST", "/api/v1/revocations", `{"identity":"ada@example.com","role":"nothing","reason":"a slip"}`, nil)
	w.want(404, "operator", "POST", "/api/v1/revocations", `{"identity":"eve@example.com","role":"engineer","reason":"a slip"}`, nil)
}

func TestGrant(t *testing.T) {
	w := newWorld(t)
	ada, iam := w.person("ada@example.com"), w.person("iam@example.com")
	w.person("bob@example.com")
	body := func(approvals string) string {
		return `{"identity":"ada@example.com","role":"editor","reason":"the handbook is due","ticket":"T-1"` + approvals + `}`
	}
	var out api.Granted
	w.want(403, "approver", "POST", "/api/v1/grants", body(`,"approvals":[{"by":"iam@example.com"}]`), nil)
	w.want(403, "admin", "POST", "/api/v1/grants", body(""), nil)
	w.want(403, "admin", "POST", "/api/v1/grants", body(`,"approvals":[{"by":"bob@example.com"}]`), nil) // whom the flow does not name
	w.want(422, "admin", "POST", "/api/v1/grants", body(`,"approvals":[{"by":"iam@example.com"},{"by":"bob@example.com","stage":1}]`), nil)
	w.want(201, "admin", "POST", "/api/v1/grants?dryRun=true", body(`,"approvals":[{"by":"iam@example.com"}]`), &out)
	if !out.DryRun || out.Until.Sub(out.From) != 8*time.Hour {
		t.Errorf("dry run: %+v", out)
	}
	if got, _ := pages[schema.Grant](w, "/api/v1/grants?role=editor"); len(got) != 0 {
		t.Errorf("a dry run granted %+v", got)
	}
	w.want(201, "admin", "POST", "/api/v1/grants", body(`,"approvals":[{"by":"IAM@example.com","reason":"yes"}]`), &out)
	if out.By != "token/admin" || len(out.Approvals) != 1 || out.Approvals[0].By != "identity/"+iam.ID || out.Approvals[0].Auth != "stated" {
		t.Errorf("granted: %+v", out)
	}
	if got, _ := pages[schema.Grant](w, "/api/v1/grants?role=editor"); len(got) != 1 || got[0].ID != out.ID {
		t.Errorf("live grants of the role: %+v", got)
	}
	for as, sees := range map[string]bool{"viewer": false, "auditor": true} {
		for _, path := range []string{
			"/api/v1/grants?role=editor", "/api/v1/identities/" + ada.ID,
			"/api/v1/explain?identity=" + ada.ID + "&entitlement=wiki/editors",
		} {
			text := w.want(200, as, "GET", path, "", nil)
			for _, word := range []string{"the handbook is due", `"reason":"yes"`} {
				if strings.Contains(text, word) != sees {
					t.Errorf("%s as %s: people's own words are there: %v, want %v: %s", path, as, !sees, sees, text)
				}
			}
		}
	}
	w.reconcile()
	if got, _ := pages[schema.Assignment](w, "/api/v1/assignments?entitlement=wiki/editors"); len(got) != 1 || got[0].Identity != ada.ID {
		t.Errorf("who holds it now: %+v", got)
	}
}

func TestGrantsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	w.person("iam@example.com")
	gone := w.person("gone@example.com")
	w.update(func(tx store.Tx) error {
		return access.Remove(tx, access.Provenance{Source: "hr", Received: tx.Now(), Book: w.rules.Book()}, gone.ID)
	})
	for _, test := range []struct {
		name, as, more string
		status         int
		denied         bool
	}{
		{"the caller is who gets it", "ada", ``, 403, true},
		{"the approver is who gets it", "admin", `,"approvals":[{"by":"ada@example.com"}]`, 403, true},
		{"the approver by its id", "admin", `,"approvals":[{"by":"` + ada.ID + `"}]`, 403, true},
		{"the approver left", "admin", `,"approvals":[{"by":"` + gone.ID + `"}]`, 403, true},
		{"the approver is nobody", "admin", `,"approvals":[{"by":"eve@example.com"}]`, 404, false},
		{"for too long", "admin", `,"until":"2999-01-01T00:00:00Z","approvals":[{"by":"iam@example.com"}]`, 403, true},
		{"ended already", "admin", `,"until":"2001-01-01T00:00:00Z","approvals":[{"by":"iam@example.com"}]`, 422, false},
	} {
		before := w.logSize()
		body := `{"identity":"ada@example.com","role":"editor","reason":"why not"` + test.more + `}`
		var p api.Problem
		w.want(test.status, test.as, "POST", "/api/v1/grants", body, &p)
		if test.status == 403 && p.Code != "refused" {
			t.Errorf("%s: %+v", test.name, p)
		}
		log := w.about(ada.ID)
		last := log[len(log)-1]
		denied := last.Verb == schema.Denied && last.Object == "role/editor" && w.logSize() == before+1
		if denied != test.denied {
			t.Errorf("%s: denied is %v, want %v: %+v", test.name, denied, test.denied, last)
		}
		if strings.Contains(last.Reason, "@") {
			t.Errorf("%s: the log describes who: %s", test.name, last.Reason)
		}
	}
	w.want(403, "admin", "POST", "/api/v1/grants", `{"identity":"ada@example.com","role":"engineer","reason":"by rule only"}`, nil)
	if got, _ := pages[schema.Grant](w, "/api/v1/grants?identity=ada@example.com"); len(got) != 0 {
		t.Errorf("granted all the same: %+v", got)
	}
}

func TestSweeps(t *testing.T) {
	w := newWorld(t)
	later := time.Now().Add(time.Hour)
	w.update(func(tx store.Tx) error {
		return errors.Join(
			tx.Wake(access.LaneSweep, "drift", later),
			tx.Wake(access.LaneAccount("wiki"), "somebody", later),
			store.Runs.Put(tx, schema.Run{ID: "quiet/drift", Sweep: "drift", Started: tx.Now(), Ended: tx.Now()}),
			store.Runs.Put(tx, schema.Run{ID: tx.NewID(), Sweep: "drift", Started: tx.Now().Add(-time.Hour), Found: 3}),
			store.Runs.Put(tx, schema.Run{ID: tx.NewID(), Sweep: "expiry", Started: tx.Now().Add(-time.Minute), Found: 1}),
		)
	})
	list := func() api.List[api.SweepView] {
		var l api.List[api.SweepView]
		w.want(200, "viewer", "GET", "/api/v1/sweeps", "", &l)
		return l
	}
	sweeps := list().Items
	if len(sweeps) != 2 || sweeps[0].Name != "drift" || sweeps[0].Last == nil || sweeps[0].Last.ID != "quiet/drift" || sweeps[1].Last.Found != 1 || sweeps[0].Late || !sweeps[1].Late {
		t.Errorf("sweeps: %+v", sweeps)
	}
	w.want(200, "operator", "POST", "/api/v1/sweeps/drift/run?dryRun=true", "", nil)
	if next := list().Items[0].Next; next.Before(later.Add(-time.Second)) {
		t.Errorf("a dry run made it due at %v", next)
	}
	w.want(200, "operator", "POST", "/api/v1/sweeps/drift/run", "", nil)
	if next := list().Items[0].Next; time.Until(next) > 0 {
		t.Errorf("run now: due at %v", next)
	}
	if runs, _ := pages[schema.Run](w, "/api/v1/runs?limit=1"); len(runs) != 3 || runs[0].ID != "quiet/drift" {
		t.Errorf("runs: %+v", runs)
	}
	if runs, _ := pages[schema.Run](w, "/api/v1/runs?sweep=expiry"); len(runs) != 1 {
		t.Errorf("runs of expiry: %+v", runs)
	}
	var lanes api.List[api.LaneView]
	w.want(200, "viewer", "GET", "/api/v1/lanes", "", &lanes)
	want := []api.LaneView{{Lane: "account/wiki", Connector: "wiki", Items: 1}, {Lane: "sweep", Items: 1}}
	for i := range lanes.Items {
		lanes.Items[i].Oldest = time.Time{}
	}
	if !slices.Equal(lanes.Items, want) {
		t.Errorf("lanes: %+v, want %+v", lanes.Items, want)
	}
}

func TestFindings(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx store.Tx) error {
		for i := range 30 {
			for _, connector := range []string{"crm", "wiki"} {
				f := schema.Finding{Kind: []string{"drift", "orphan"}[i%2], Connector: connector, Subject: fmt.Sprintf("r%02d", i)}
				if err := store.Findings.Put(tx, f); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for path, want := range map[string]int{
		"/api/v1/findings?limit=7":                            60,
		"/api/v1/findings?limit=7&kind=orphan":                30,
		"/api/v1/findings?limit=7&kind=orphan&connector=wiki": 15,
		"/api/v1/findings?limit=7&connector=crm":              30,
		"/api/v1/findings?kind=odd":                           0,
	} {
		if got, _ := pages[schema.Finding](w, path); len(got) != want {
			t.Errorf("%s: %d, want %d", path, len(got), want)
		}
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	var dry, made api.Issued
	w.want(201, "admin", "POST", "/api/v1/tokens?dryRun=true", `{"name":"ci","role":"viewer"}`, &dry)
	if dry.Secret != "" || dry.ID != "" {
		t.Errorf("a dry run issued %+v", dry)
	}
	w.want(201, "admin", "POST", "/api/v1/tokens", `{"name":"ci","role":"viewer"}`, &made)
	w.want(201, "admin", "POST", "/api/v1/tokens", `{"source":"hr"}`, nil)
	as := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/policy", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+made.Secret)
		res, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if got := as(); got != 200 {
		t.Errorf("with the new token: %d", got)
	}
	var list api.List[api.TokenView]
	text := w.want(200, "admin", "GET", "/api/v1/tokens", "", &list)
	_, secret, _ := tokens.Parse(made.Secret)
	if len(list.Items) != 2 || list.Items[0].Name != "ci" || strings.Contains(text, secret) || strings.Contains(text, "hash") {
		t.Errorf("tokens: %s", text)
	}
	w.want(200, "admin", "DELETE", "/api/v1/tokens/"+made.ID+"?dryRun=true", "", nil)
	if got := as(); got != 200 {
		t.Errorf("after a dry run of its end: %d", got)
	}
	var ended api.TokenView
	w.want(200, "admin", "DELETE", "/api/v1/tokens/"+made.ID, "", &ended)
	if got := as(); got != 401 || ended.Revoked.IsZero() {
		t.Errorf("after its end: %d, %+v", got, ended)
	}
	if log := w.about("token/" + made.ID); len(log) != 2 || log[0].Actor != "token/admin" {
		t.Errorf("the log: %+v", log)
	}
	for _, body := range []string{`{}`, `{"source":"nowhere"}`, `{"source":"hr","name":"x","role":"viewer"}`, `{"name":"x","role":"king"}`, `{"name":"a/b","role":"viewer"}`} {
		w.want(422, "admin", "POST", "/api/v1/tokens", body, nil)
	}
}

// TestIntentsStandWithDecisions proves R-POL-6: with each decision that names a role stands what
// the role was for by the policy of then, and of which policy and role nobody knows, nothing.
func TestIntentsStandWithDecisions(t *testing.T) {
	w := newWorld(t)
	role := func(name, intent string) string {
		return "---\napiVersion: drawbridge/v1\nkind: Role\nmetadata: { name: " + name + " }\nspec: { type: requestable, intent: " + intent + " }\n"
	}
	w.update(func(tx store.Tx) error {
		err := errors.Join(
			store.Policies.Put(tx, store.PolicyVersion{Digest: "one", Files: map[string]string{"a.yaml": role("editor", "Edit for a while.") + role("reader", "Read.")}}),
			store.Policies.Put(tx, store.PolicyVersion{Digest: "two", Files: map[string]string{"a.yaml": role("editor", "Edit whatever there is.")}}),
			store.Policies.Put(tx, store.PolicyVersion{Digest: "three"}),
		)
		for _, d := range []schema.Decision{
			{Policy: "one", Object: "role/editor"},
			{Policy: "two", Object: "role/editor"},
			{Policy: "one", Object: "wiki/readers", Because: []string{"grant/g", "role/editor", "role/reader"}},
			{Policy: "one", Subject: "role/reader"},
			{Policy: "two", Object: "role/reader"},
			{Policy: "three", Object: "role/editor"},
			{Policy: "four", Object: "role/editor"},
			{Object: "role/editor"},
		} {
			d.Actor, d.Verb, d.Subject = "bridge", schema.Granted, cmp.Or(d.Subject, "ada")
			_, more := tx.Record(d)
			err = errors.Join(err, more)
		}
		return err
	})
	want := []string{"map[editor:Edit for a while.]", "map[editor:Edit whatever there is.]", "map[editor:Edit for a while. reader:Read.]", "map[reader:Read.]", "map[]", "map[]", "map[]", "map[]"}
	for _, path := range []string{"/api/v1/decisions?from=0", "/api/v1/log/search"} {
		entries, _ := pages[api.EntryView](w, path)
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprint(e.Intents))
		}
		if path == "/api/v1/log/search" {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestDecisions(t *testing.T) {
	w := newWorld(t)
	w.update(func(tx store.Tx) error {
		for i := range 25 {
			d := schema.Decision{Actor: "bridge", Verb: schema.Found, Subject: fmt.Sprintf("run/%d", i%2), Reason: fmt.Sprint(i), Detail: []byte(`{"secret":"word"}`)}
			if _, err := tx.Record(d); err != nil {
				return err
			}
		}
		return nil
	})
	numbers := func(path string) (seqs []int64) {
		entries, _ := pages[api.EntryView](w, path)
		for _, e := range entries {
			if e.Reason != fmt.Sprint(e.Seq) {
				t.Errorf("%s: entry %d says %s", path, e.Seq, e.Reason)
			}
			seqs = append(seqs, e.Seq)
		}
		return seqs
	}
	for path, want := range map[string][2]int64{ // first and last
		"/api/v1/decisions?limit=7":               {24, 0},
		"/api/v1/decisions?limit=25":              {24, 0},
		"/api/v1/decisions?limit=7&from=0":        {0, 24},
		"/api/v1/decisions?limit=7&from=20":       {20, 24},
		"/api/v1/decisions?limit=4&subject=run/1": {23, 1},
	} {
		got := numbers(path)
		step := got[1] - got[0]
		for i := range got[1:] {
			if got[i+1]-got[i] != step {
				t.Errorf("%s: %v has a gap", path, got)
			}
		}
		if got[0] != want[0] || got[len(got)-1] != want[1] {
			t.Errorf("%s: %v, want %d to %d", path, got, want[0], want[1])
		}
	}
	for _, path := range []string{"/api/v1/decisions?from=25", "/api/v1/decisions?from=99", "/api/v1/decisions?subject=nobody"} {
		if got := numbers(path); len(got) != 0 {
			t.Errorf("%s: %v", path, got)
		}
	}
	if text := w.want(200, "viewer", "GET", "/api/v1/decisions", "", nil); strings.Contains(text, "word") || !strings.Contains(text, "detailHash") {
		t.Errorf("a viewer sees: %s", text)
	}
	if text := w.want(200, "auditor", "GET", "/api/v1/decisions", "", nil); !strings.Contains(text, `"detail":{"secret":"word"}`) {
		t.Errorf("an auditor sees: %s", text)
	}
	w.want(422, "viewer", "GET", "/api/v1/decisions?from=1&subject=run/1", "", nil)
}

// TestExportVerifies proves R-LOG-3.
func TestExportVerifies(t *testing.T) {
	w := newWorld(t)
	secret, public, err := audit.NewKey("example.com/log", bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.update(func(tx store.Tx) error {
			for range 700 {
				if _, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Found, Subject: "s", Reason: "<&>"}); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := w.store.SignCheckpoint(t.Context(), signer, "example.com/log"); err != nil {
			t.Fatal(err)
		}
	}
	w.update(func(tx store.Tx) error {
		_, err := tx.Record(schema.Decision{Actor: "bridge", Verb: schema.Found, Subject: "unsigned"})
		return err
	})
	checkpoint := w.want(200, "viewer", "GET", "/api/v1/log/checkpoint", "", nil)
	export := w.want(200, "auditor", "GET", "/api/v1/log/export", "", nil)
	report, err := audit.VerifyExport(strings.NewReader(export), verifier, []byte(checkpoint))
	if err != nil || report.Entries != 2100 || report.Checkpoints != 3 {
		t.Errorf("%+v, %v", report, err)
	}
}
