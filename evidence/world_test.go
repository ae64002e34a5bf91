package evidence_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"drawbridge/access"
	"drawbridge/access/accesstest"
	"drawbridge/audit"
	"drawbridge/connectors"
	"drawbridge/evidence"
	"drawbridge/schema"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

const documents = `
apiVersion: drawbridge/v1
kind: PolicySet
metadata: { name: test, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec: { mode: enforce, identity: { department: { type: string, from: [hr] } } }
---
apiVersion: drawbridge/v1
kind: Source
metadata: { name: hr, owner: { user: hr@example.com, deputy: hr2@example.com } }
spec: { protocol: scim, trust: authoritative, authoritativeFor: ["*"] }
---
apiVersion: drawbridge/v1
kind: Connector
metadata: { name: wiki, owner: { user: wiki@example.com, deputy: wiki2@example.com } }
spec:
  type: memory
  mode: enforce
  authority: exclusive
  entitlements:
    - { id: readers, target: Readers, risk: low }
    - { id: admins, target: Admins, risk: high, privileged: true }
    - { id: owners, target: Owners, risk: high, confers: [wiki/stewards] }
    - { id: stewards, target: Stewards, risk: high, confers: [wiki/admins] }
---
apiVersion: drawbridge/v1
kind: TriggerSet
metadata: { name: leaver, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  triggers:
    - { name: ended, on: [event, sweep], when: 'identity.employment.status in ["terminated", "ended"]', action: revoke, failClosed: true }
    - { name: suspended, on: [event, sweep], when: 'identity.active == false', action: suspend, within: 10m }
---
apiVersion: drawbridge/v1
kind: ApprovalFlow
metadata: { name: owner, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  stages: [{ approvers: [{ roleOwner: true }], min: 1, within: 4h }]
  rules: { selfApproval: false, distinctApprovers: true, onTimeout: deny, requireReason: true }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: engineer, owner: { user: lead@example.com, deputy: second@example.com } }
spec:
  type: birthright
  mode: enforce
  intent: Engineers read the wiki.
  assign: identity.kind == "human" && identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
  permanent: { because: Held for the length of employment. }
  review: { every: 365d }
---
apiVersion: drawbridge/v1
kind: Role
metadata: { name: admin, owner: { user: iam@example.com, deputy: iam2@example.com } }
spec:
  type: requestable
  mode: enforce
  intent: Look after the wiki for a while.
  eligible: identity.kind == "human" && identity.department == "Engineering"
  approval: owner
  grants: [{ connector: wiki, entitlement: admins }]
  duration: { default: 8h, max: 24h }
  triggers: [leaver]
  review: { every: 365d }
`

const origin = "test.example/log"

// A world is a bridge's store in which something happened, and its log's key.
type world struct {
	t      testing.TB
	path   string
	store  *store.Store
	engine *watched
	rules  *access.Rules
	signer note.Signer
	public note.Verifier
	begun  time.Time
}

func keys(t testing.TB, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := audit.NewKey(origin, rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func newWorld(t testing.TB) *world { return newWorldOf(t, documents) }

// newWorldOf is one of a policy.
func newWorldOf(t testing.TB, documents string) *world {
	t.Helper()
	w := &world{t: t, path: filepath.Join(t.TempDir(), "test.db"), begun: time.Now()}
	w.open(bolt.Options{NoSync: true})
	t.Cleanup(func() { _ = w.store.Close() })
	files := map[string]string{"policy.yaml": documents}
	draft, err := access.DraftOf(files)
	if err != nil {
		t.Fatal(err)
	}
	w.rules = access.NewRules(draft.Book, nil)
	w.signer, w.public = keys(t, 1)
	w.update(func(tx store.Tx) error {
		_, err := access.Publish(tx, draft.Book, "token/test", files)
		return err
	})
	return w
}

// open opens the store, also again.
func (w *world) open(o bolt.Options) {
	w.t.Helper()
	if w.store != nil {
		if err := w.store.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	e, err := bolt.Open(w.path, o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = &watched{Engine: e}
	if w.store, err = store.Open(w.engine); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	accesstest.Update(w.t, w.store, fn)
}

func (w *world) sign() {
	w.t.Helper()
	if _, err := w.store.SignCheckpoint(w.t.Context(), w.signer, origin); err != nil {
		w.t.Fatal(err)
	}
}

// tell has the source tell of somebody, and returns their id.
func (w *world) tell(id, name string, active bool) string {
	w.t.Helper()
	var got schema.Identity
	w.update(func(tx store.Tx) (err error) {
		p := access.Provenance{Source: "hr", Received: time.Now(), Book: w.rules.Book()}
		got, err = access.Admit(tx, p, schema.Identity{
			ID: id, UserName: name, Email: name + "@example.com", Active: active, Kind: schema.Human,
			Resource: fmt.Appendf(nil, `{"userName":%q,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engineering"}}`, name),
		})
		return err
	})
	return got.ID
}

func (w *world) grant(id string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		_, err := access.Grant(tx, w.rules.Book(), schema.Grant{
			Identity: id, Role: "admin", By: "token/ops", Reason: "to mend it", Ticket: "=CHG-1",
			Approvals: []schema.Approval{{By: "iam@example.com", At: tx.Now()}},
		})
		return err
	})
}

// work does what is due. A target reads back what was taken, where it is asked to.
func (w *world) work(readsBack bool) {
	w.t.Helper()
	for busy := true; busy; {
		time.Sleep(2 * time.Second) //nolint:forbidigo // of the bubble's own time
		busy = accesstest.Reconcile(w.t, w.store, w.rules)
		busy = accesstest.Lane(w.t, w.store, access.LaneAccount("wiki"), func(item store.Item) (access.Finish, error) {
			return w.provision(item, readsBack)
		}) || busy
	}
}

func (w *world) provision(item store.Item, readsBack bool) (access.Finish, error) {
	var o access.Outcome
	err := w.store.View(w.t.Context(), func(r store.Reader) (err error) {
		o.Work, err = access.WorkFor(r, w.rules, "wiki", item.ID, 1)
		return err
	})
	if err != nil {
		return nil, err
	}
	o.Got, o.Steps = o.Work.Want, connectors.Plan(o.Work.Have, o.Work.Want)
	if o.Got.RemoteID == "" {
		o.Got.RemoteID = "r-" + item.ID
	}
	o.Sent, o.Acked = time.Now(), time.Now()
	if readsBack {
		o.Verified = time.Now()
	}
	return func(tx store.Tx) (time.Time, error) {
		_, err := access.Observe(tx, w.rules, item, o)
		return time.Time{}, err
	}, nil
}

// happen has some people join and leave: of those who left one was read back, one was
// acknowledged only, and one has what they had.
func (w *world) happen() {
	w.t.Helper()
	w.sign()
	time.Sleep(time.Second) //nolint:forbidigo // of the bubble's own time
	var ids []string
	for i := range 12 {
		ids = append(ids, w.tell("", fmt.Sprintf("person%02d", i), true))
	}
	w.work(true)
	w.grant(ids[0])
	w.work(true)
	w.sign()
	w.tell(ids[0], "person00", false)
	w.work(true)
	w.tell(ids[1], "person01", false)
	w.work(false)
	w.tell(ids[2], "person02", false)
	accesstest.Reconcile(w.t, w.store, w.rules)
	time.Sleep(time.Minute) //nolint:forbidigo // of the bubble's own time
	w.sign()
}

// request is a pack of all that happened.
func (w *world) request(framework string) evidence.Request {
	return evidence.Request{Framework: framework, From: w.begun.Add(-time.Hour), To: time.Now()}
}

func (w *world) makeIn(request evidence.Request, dir string) error {
	p, err := evidence.Prepare(w.t.Context(), evidence.Maker{Store: w.store, Signer: w.signer}, request)
	if err != nil {
		return err
	}
	_, err = p.Write(w.t.Context(), dir)
	return err
}

// make makes a pack, and returns where it is.
func (w *world) make(request evidence.Request) string {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := w.makeIn(request, dir); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// inWorld runs a test in a world in which something happened.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.happen()
		test(t, w)
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// tree is every file of a folder, by name.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
