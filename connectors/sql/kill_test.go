package sql

import "testing"

// TestWhoseSessionsAreApart says where those of somebody who is gone may be those of another
// who has the name: wherever a statement goes by more than the id, and where the ids differ by
// case alone, which many servers do not mind.
func TestWhoseSessionsAreApart(t *testing.T) {
	const byID, bySession = "SELECT pid FROM s WHERE u = :id", "DELETE FROM s WHERE pid = :session"
	for _, c := range []struct {
		sessions, end, gone, other string
		apart                      bool
	}{
		{byID, bySession, "7", "8", true},
		{byID, bySession + " AND u = :id", "7", "8", true},
		{byID, bySession, "Ada", "ada", false},
		{byID + " OR n = :userName", bySession, "7", "8", false},
		{byID, bySession + " AND n = :userName", "7", "8", false},
		{byID, `DROP USER :"userName"`, "7", "8", false},
	} {
		d := dialects["postgres"]
		sessions, err := statements(d, optSessions, c.sessions)
		if err != nil {
			t.Fatal(err)
		}
		end, err := statements(d, optEndSession, c.end)
		if err != nil {
			t.Fatal(err)
		}
		of := &Connector{settings: &settings{dialect: d, sessions: sessions, writes: map[string][]statement{optEndSession: end}}}
		if got := of.apart(c.gone, c.other); got != c.apart {
			t.Errorf("%q, %q, of %s and %s: %v", c.sessions, c.end, c.gone, c.other, got)
		}
	}
}
