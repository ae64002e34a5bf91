package access_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/access/tokens"
	"drawbridge/store"
)

// TestACredentialEndsWithItsMaker has the person leave by whose account a credential was
// made that ends with them: it is told, and so is nothing of one that does not.
func TestACredentialEndsWithItsMaker(t *testing.T) {
	engines(t, func(t *testing.T, w *world) {
		kim := w.admit(person{name: "kim", department: "IT"})
		problem := func(tied string) (problem, reason string) {
			t.Helper()
			shown := access.Credential{ID: tokens.ConfiguredID("connector/wiki"), Kind: access.ShownCredential, Holder: "connector/wiki", Owner: "kim@example.com", Tied: tied}
			w.view(func(r store.Reader) error {
				all, err := access.Credentials(r, w.rules.Book(), 0, shown)
				if err == nil {
					problem, reason = all[0].Problem, all[0].Reason
				}
				return err
			})
			return problem, reason
		}
		if got, reason := problem("the admin who made it"); got != "" {
			t.Errorf("while they are there: %s, %s", got, reason)
		}
		w.admit(person{id: kim, name: "kim", department: "IT", inactive: true})
		if got, reason := problem("the admin who made it"); got != "ownerless" || !strings.Contains(reason, "kim@example.com") {
			t.Errorf("once they left: %q, %q", got, reason)
		}
		if got, _ := problem(""); got != "" {
			t.Errorf("one that is nobody's: %s", got)
		}
	})
}
