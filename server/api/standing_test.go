package api_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
	"drawbridge/store/bolt"
)

func TestConnectors(t *testing.T) {
	w := newWorld(t)
	since := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	w.update(func(tx store.Tx) error {
		for _, a := range []schema.Account{
			{Connector: "wiki", Identity: "a", State: schema.Settled},
			{Connector: "wiki", Identity: "b", State: schema.Retrying, Due: schema.Change{Received: since, Ends: true}},
			{Connector: "wiki", Identity: "c", State: schema.Parked, Due: schema.Change{Received: since.Add(time.Hour), Ends: true}},
		} {
			if err := store.Accounts.Put(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	w.breaker = api.BreakerView{State: "open", Since: since, Next: since.Add(time.Minute), Failures: 9, Problem: "connection refused"}
	got, _ := pages[api.ConnectorView](w, "/api/v1/connectors")
	want := api.ConnectorView{Name: "wiki", Type: "memory", Mode: schema.Enforce, Retrying: 1, Parked: 1, Open: since, Breaker: w.breaker}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBackupCanBeRestored(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	text := w.want(200, "admin", "GET", "/api/v1/backup", "", nil)
	path := filepath.Join(t.TempDir(), "restored.db")
	if err := bolt.Restore(t.Context(), path, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	e, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	report, err := s.Check(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("the backup has %v, %v", report.Faults, err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		got, err := store.Identities.Get(r, ada.ID)
		if got.UserName != ada.UserName {
			t.Errorf("the backup has %+v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAssignmentsSayWhoseTheyAre(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	w.update(func(tx store.Tx) error {
		return store.Assignments.Put(tx, schema.Assignment{Identity: ada.ID, Connector: "wiki", Entitlement: "editors", Mode: schema.Enforce})
	})
	got, _ := pages[api.AssignmentView](w, "/api/v1/assignments?entitlement=wiki/editors")
	if len(got) != 1 || got[0].UserName != ada.UserName || got[0].Identity != ada.ID {
		t.Errorf("got %+v", got)
	}
}
