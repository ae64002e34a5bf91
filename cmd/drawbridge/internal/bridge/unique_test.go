package bridge

import (
	"net/http"
	"strings"
	"testing"
	"time"

	library "github.com/elimity-com/scim/schema"

	"drawbridge/schema"
	"drawbridge/schema/scim"
	"drawbridge/store"
)

// TestBecomesUniqueAtTheStart has a configuration come to say that an attribute is unique,
// of which two people have one value: a bridge that starts finds them both, nobody else
// gets it, and either of them is deactivated all the same.
func TestBecomesUniqueAtTheStart(t *testing.T) {
	cfg := config(t)
	extension := func(more string) []library.Schema {
		x, err := scim.ParseSchema([]byte(`{"id":"` + hrURN + `","name":"HR","attributes":[{"name":"badge","type":"string"` + more + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		return []library.Schema{x}
	}
	cfg.Extensions = extension("")
	b, stop := running(t, cfg, Options{Kinds: newTarget().kinds()})
	var ids []string
	for _, name := range []string{"ada", "bob"} {
		id, _ := ask(t, b, "POST", "/Users", `{"userName":"`+name+`","`+hrURN+`":{"badge":"7"}}`, http.StatusCreated)["id"].(string)
		ids = append(ids, id)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	cfg.Extensions = extension(`,"uniqueness":"server"`)
	b, _ = running(t, cfg, Options{Kinds: newTarget().kinds()})
	told := func() (all []schema.Finding) {
		err := b.store.View(t.Context(), func(r store.Reader) error {
			for f, err := range store.Findings.All(r, "not-unique") {
				if err != nil {
					return err
				}
				all = append(all, f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	var found []schema.Finding
	for deadline := time.Now().Add(time.Minute); len(found) == 0 && time.Now().Before(deadline); found = told() {
		<-time.After(5 * time.Millisecond)
	}
	if len(found) != 1 || found[0].Subject != ids[0] || !strings.Contains(found[0].Reason, ids[1]) {
		t.Fatalf("found is %+v, want %q", found, ids)
	}
	ask(t, b, "POST", "/Users", `{"userName":"eve","`+hrURN+`":{"badge":"7"}}`, http.StatusConflict)
	for _, id := range ids {
		ask(t, b, "PATCH", "/Users/"+id, `{"Operations":[{"op":"replace","path":"active","value":false}]}`, http.StatusOK)
	}
	ask(t, b, "PATCH", "/Users/"+ids[1], `{"Operations":[{"op":"replace","path":"`+hrURN+`:badge","value":"8"}]}`, http.StatusOK)
	if found = told(); len(found) > 0 {
		t.Errorf("each has a badge of their own, and found is %+v", found)
	}
}
