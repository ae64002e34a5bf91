package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"drawbridge/access/accesstest"
	"drawbridge/server"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

// A failing engine is one on a disk that takes nothing more while it is full.
type failing struct {
	store.Engine
	full atomic.Bool
}

func (e *failing) Begin(ctx context.Context, write bool) (store.Txn, error) {
	txn, err := e.Engine.Begin(ctx, write)
	if err != nil || !write {
		return txn, err
	}
	return failingTxn{txn, e}, nil
}

type failingTxn struct {
	store.Txn
	engine *failing
}

func (t failingTxn) Commit() error {
	if t.engine.full.Load() {
		return errors.Join(errors.New("the disk is full"), t.Rollback())
	}
	return t.Txn.Commit()
}

// TestAnsweredWhenDurable makes each kind of change twice: while its commit fails, which is told,
// and nothing of it is there; and while it does not, and what was answered is in the file then,
// whatever becomes of the bridge. R-PROV-3.
func TestAnsweredWhenDurable(t *testing.T) {
	file, err := bolt.Open(filepath.Join(t.TempDir(), "bridge.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	backups, ok := file.(store.Backuper)
	if !ok {
		t.Fatal("it cannot be copied")
	}
	disk := &failing{Engine: file}
	s := accesstest.StoreOn(t, disk)
	w := newWorld(t, func(o *server.Options) { o.Store = s })
	const user = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%","active":true}`
	patch := func(op string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
	}
	ids := map[string]string{}
	for _, c := range []struct {
		name, method, path, body string
		holds                    string // what the record then has; nothing where there is none
	}{
		{"user", "POST", "/Users", strings.Replace(user, "%", "ada", 1), `"userName":"ada"`},
		{"user", "PUT", "/Users/user", strings.Replace(user, "%", "ada2", 1), `"userName":"ada2"`},
		{"user", "PATCH", "/Users/user", patch(`{"op":"replace","path":"title","value":"Countess"}`), `"title":"Countess"`},
		{"group", "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"staff"}`, `"displayName":"staff"`},
		{"group", "PATCH", "/Groups/group", patch(`{"op":"add","path":"members","value":[{"value":"user"}]}`), `"value":"user"`},
		{"group", "PATCH", "/Groups/group", patch(`{"op":"remove","path":"members[value eq \"user\"]"}`), `"displayName":"staff"`},
		{"user", "DELETE", "/Users/user", "", ""},
	} {
		named := func(text string) string {
			for name, id := range ids {
				text = strings.NewReplacer("/"+name, "/"+id, `"value":"`+name+`"`, `"value":"`+id+`"`, `eq \"`+name+`\"`, `eq \"`+id+`\"`).Replace(text)
			}
			return text
		}
		what := c.method + " " + c.path
		send := func() (int, string) {
			res, text := w.do(t, c.method, "/scim/v2"+named(c.path), sourceSecret, named(c.body))
			return res.StatusCode, text
		}
		before := imaged(t, backups, c.name, ids[c.name])
		disk.full.Store(true)
		if status, text := send(); status < 500 {
			t.Errorf("%s, which was not stored, is answered %d %s", what, status, text)
		}
		disk.full.Store(false)
		if after := imaged(t, backups, c.name, ids[c.name]); after != before {
			t.Errorf("%s failed, and there is %s, and was %s", what, after, before)
		}
		status, text := send()
		if status >= 300 {
			t.Fatalf("%s: %d %s", what, status, text)
		}
		if c.method == http.MethodPost {
			var made struct{ ID string }
			if err := json.Unmarshal([]byte(text), &made); err != nil {
				t.Fatal(err)
			}
			ids[c.name] = made.ID
		}
		if got := imaged(t, backups, c.name, ids[c.name]); !strings.Contains(got, named(c.holds)) || (got == "") != (c.holds == "") {
			t.Errorf("%s was answered %d, and in the file is %q, want %s", what, status, got, named(c.holds))
		}
	}
}

// imaged is what a bridge that is started on a copy of the file, of all that is committed by now, tells
// of a user or a group.
func imaged(t *testing.T, file store.Backuper, what, id string) string {
	t.Helper()
	if id == "" {
		return ""
	}
	image := filepath.Join(t.TempDir(), "image.db")
	out, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(file.Backup(t.Context(), out), out.Close()); err != nil {
		t.Fatal(err)
	}
	e, err := bolt.Open(image, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, func(o *server.Options) { o.Store = accesstest.StoreOn(t, e) })
	res, body := other.do(t, http.MethodGet, map[string]string{"user": "/scim/v2/Users/", "group": "/scim/v2/Groups/"}[what]+id, sourceSecret, "")
	if res.StatusCode == http.StatusNotFound {
		return ""
	}
	return body
}
