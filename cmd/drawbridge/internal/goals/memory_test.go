package goals

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"testing/fstest"

	"github.com/labstack/echo/v4"
	"go.etcd.io/bbolt"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/bridge"
	"drawbridge/server/scim"
	"drawbridge/store/bolt"
)

// largePatch is how much memory it makes, used again or not, to put very many members
// into a group at once: to the body that names them, and to what bbolt alone makes for
// the two rows that each of them is. It runs in this process, without what members
// being woken leads to.
func largePatch(m *measure) {
	of := seeded(m, m.members)
	bare := bareEdges(m, of.ids)
	p, err := bridge.ReadPolicy(fstest.MapFS{"policy.yaml": {Data: []byte(policyOf(connectorNames(3), false))}})
	if err != nil {
		m.Fatal(err)
	}
	st := of.open(m, bolt.Options{NoSync: true})
	defer st.Close()
	h, err := scim.New(scim.Options{
		Store: st, Rules: access.NewRules(p.Book, nil), BaseURL: "http://bridge/scim/v2", Source: func(echo.Context) string { return source },
	})
	if err != nil {
		m.Fatal(err)
	}
	router := echo.New()
	h.Mount(router.Group("/scim/v2"))
	body := joining(of.ids...)
	req := httptest.NewRequestWithContext(m.Context(), http.MethodPatch, groups+"/"+of.group(m, st, "large", 0), bytes.NewReader(body))
	answer := httptest.NewRecorder()
	whole := allocated(func() { router.ServeHTTP(answer, req) })
	if answer.Code != http.StatusNoContent {
		m.Fatalf("PATCH: %d %s", answer.Code, answer.Body)
	}
	m.Logf("%d bytes a member of the body; %.0f made for each, %.0f by bbolt alone for two rows", len(body)/len(of.ids), whole/float64(len(of.ids)), bare/float64(len(of.ids)))
	m.atMost("PATCH", "memory made to add 100k members, to its body", whole/float64(len(body)), 8, "x")
	m.atMost("PATCH", "the same to what bbolt alone makes for two rows a member", whole/bare, 1.5, "x")
}

// bareEdges is how much memory bbolt makes for an edge and its index of each of some
// members, written as the bridge writes them: in their order, a few at a time. What is
// written is in memory that is used again.
func bareEdges(m *measure, ids []string) float64 {
	const atOnce = 250
	db := emptyStore(m)
	db.NoSync = true
	room := make([]byte, 0, atOnce*512)
	return allocated(func() {
		for some := range slices.Chunk(ids, atOnce) {
			room = room[:0]
			if err := db.Update(func(tx *bbolt.Tx) error { return putEdges(tx, &room, some) }); err != nil {
				m.Fatal(err)
			}
		}
	})
}

func putEdges(tx *bbolt.Tx, room *[]byte, ids []string) error {
	edges, err := tx.CreateBucketIfNotExists([]byte("edges"))
	if err != nil {
		return err
	}
	index, err := tx.CreateBucketIfNotExists([]byte("index"))
	if err != nil {
		return err
	}
	edges.FillPercent, index.FillPercent = 0.9, 0.9
	text := func(parts ...string) []byte {
		at := len(*room)
		for _, part := range parts {
			*room = append(*room, part...)
		}
		return (*room)[at:]
	}
	const group, end = "01999999-9999-7999-8999-999999999999", "\x00\x01"
	for _, id := range ids {
		key, value := text(group, end, id, end), text(`{"group":"`, group, `","member":"`, id, `"}`)
		if err := edges.Put(key, value); err != nil {
			return err
		}
		if err := index.Put(text(id, end, group, end, id, end), text("\x00\x00\x00\x4c")); err != nil {
			return err
		}
	}
	return nil
}

// allocated returns how many bytes of memory were made while a function ran.
func allocated(run func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}
