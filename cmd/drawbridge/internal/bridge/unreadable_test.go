package bridge

import (
	"bytes"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"drawbridge/store"
)

// TestStartsWithAPolicyThatCannotBeRead starts a bridge whose policy in force, and whose
// folder, this version of the program refuses: it starts, says where that is, and hears of
// leavers: it is ready, and says that it cannot read its policy; with a folder that is mended it is as it was. R-READY-1.
func TestStartsWithAPolicyThatCannotBeRead(t *testing.T) {
	cfg, sound := config(t), os.DirFS("testdata/policy")
	o := Options{Kinds: newTarget().kinds(), NoSync: true}
	spoilt := fstest.MapFS{}
	texts := map[string]string{}
	err := fs.WalkDir(sound, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(sound, name)
		texts[name] = strings.Replace(string(text), "kind: PolicySet", "kind: PolicySet\ncolour: red", 1)
		spoilt[name] = &fstest.MapFile{Data: []byte(texts[name])}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	open := func(folder fs.FS) (b *Bridge, said string) {
		t.Helper()
		var log bytes.Buffer
		o := o
		o.Policy, o.Log = folder, slog.New(slog.NewTextHandler(&log, nil))
		if b, err = Open(t.Context(), cfg, o); err != nil {
			t.Fatal(err)
		}
		b.running.Store(true)
		return b, log.String()
	}
	// The version before read it, and put it in force.
	first, _ := open(sound)
	book := first.Rules().Book()
	err = first.Store().Update(t.Context(), func(tx store.Tx) error {
		v, err := store.Policies.Get(tx, book.Digest())
		v.Files = texts
		if err == nil {
			err = store.Policies.Put(tx, v)
		}
		return err
	})
	if err != nil || first.Close() != nil {
		t.Fatal(err)
	}

	b, said := open(spoilt)
	if why := b.Rules().Book().Unreadable(); !strings.Contains(why, `E-FIELD: unknown field "colour"`) || !strings.Contains(said, "colour") {
		t.Errorf("it says of what it cannot read %q, and logs:\n%s", why, said)
	}
	ask := func(b *Bridge, path string) string {
		t.Helper()
		res := httptest.NewRecorder()
		b.handler.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if res.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, res.Code, res.Body)
		}
		return res.Body.String()
	}
	if got := ask(b, "/readyz"); !strings.Contains(got, `"unreadable":true`) {
		t.Errorf("of what it cannot read, it says %s", got)
	}
	if got := ask(b, "/metrics"); !strings.Contains(got, "drawbridge_policy_unreadable 1\n") {
		t.Error("no metric says that it cannot read its policy")
	}
	if got := b.Rules().Book().Digest(); got != book.Digest() {
		t.Errorf("in force is %s, want %s", got, book.Digest())
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}

	b, _ = open(sound)
	if got := ask(b, "/readyz"); strings.Contains(got, "unreadable") {
		t.Errorf("mended, it says %s", got)
	}
	if got := ask(b, "/metrics"); !strings.Contains(got, "drawbridge_policy_unreadable 0\n") {
		t.Error("mended, no metric says so")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFolderThatCannotBeRead starts a bridge beside a folder that somebody spoilt: what
// is in force stays. A store without any policy has nothing to start with.
func TestFolderThatCannotBeRead(t *testing.T) {
	cfg := config(t)
	o := Options{Kinds: newTarget().kinds(), NoSync: true, Policy: fstest.MapFS{"policy.yaml": {Data: []byte("kind: [")}}}
	if b, err := Open(t.Context(), cfg, o); err == nil {
		_ = b.Close()
		t.Fatal("it starts without any policy")
	}
	sound := o
	sound.Policy = nil
	first, err := Open(t.Context(), cfg, sound)
	if err != nil {
		t.Fatal(err)
	}
	was := first.Rules().Book()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Rules().Book(); got.Digest() != was.Digest() || got.Unreadable() != "" {
		t.Errorf("in force is %s (%s), want %s", got.Digest(), got.Unreadable(), was.Digest())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
