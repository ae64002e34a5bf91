package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// TestCutoffsNameNobodyToViewers pages through cut-offs as somebody who is not told whose
// tokens they are: neither an item says so, nor a cursor.
func TestCutoffsNameNobodyToViewers(t *testing.T) {
	w := newWorld(t)
	const many = 5
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for i := range many {
			if err := store.Cutoffs.Put(tx, schema.Cutoff{Issuer: "idp", Claim: "sub", Value: fmt.Sprint("zebulon", i), Before: tx.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for as, told := range map[string]bool{"viewer": false, "auditor": true} {
		seen, cursor := 0, ""
		for {
			var page struct {
				Items []schema.Cutoff `json:"items"`
				Next  string          `json:"next"`
			}
			status, text := w.call(as, http.MethodGet, "/api/v1/cutoffs?limit=2&cursor="+cursor, "", &page)
			if status != http.StatusOK {
				t.Fatalf("%s: %d %s", as, status, text)
			}
			seen += len(page.Items)
			decoded, err := base64.RawURLEncoding.DecodeString(page.Next)
			if err != nil {
				t.Fatal(err)
			}
			if names := strings.Contains(text+string(decoded), "zebulon"); names != told {
				t.Errorf("to a %s, it names whose they are: %v, in %s and cursor %s", as, names, text, decoded)
			}
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if seen != many {
			t.Errorf("to a %s: %d cut-offs, want %d", as, seen, many)
		}
	}
}

// TestTicketsAreForAuditors proves that viewers are told of no ticket that somebody named,
// wherever one is: the log keeps them with people's words, too.
func TestTicketsAreForAuditors(t *testing.T) {
	w := newWorld(t)
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		puts := []error{
			store.Identities.Put(tx, schema.Identity{ID: "ada", Source: "hr", UserName: "ada", Active: true, Resource: []byte(`{}`)}),
			store.Grants.Put(tx, schema.Grant{ID: "g", Identity: "ada", Role: "editor", From: tx.Now(), Until: tx.Now().Add(time.Hour), Ticket: "CHG-77"}),
			store.Exceptions.Put(tx, schema.Exception{ID: "e", Identity: "ada", By: "token/x", Ticket: "CHG-77", State: schema.ExceptionOpen, Expires: tx.Now()}),
			store.Bypasses.Put(tx, schema.Bypass{ID: "b", Identity: "ada", Role: "editor", Grant: "g", By: "token/x", Ticket: "CHG-77", State: schema.BypassOpen}),
			store.Requests.Put(tx, schema.Request{ID: "q", Identity: "ada", Role: "editor", By: "token/x", Ticket: "CHG-77", State: schema.RequestDenied}),
		}
		for _, err := range puts {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/grants?identity=ada", "/identities/ada", "/exceptions", "/bypasses", "/requests"} {
		for as, told := range map[string]bool{"viewer": false, "auditor": true} {
			status, text := w.call(as, http.MethodGet, "/api/v1"+path, "", nil)
			if names := strings.Contains(text, "CHG-77"); status != http.StatusOK || names != told {
				t.Errorf("%s to a %s: %d, names the ticket: %v\n%s", path, as, status, names, text)
			}
		}
	}
}
