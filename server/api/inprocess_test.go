package api_test

import (
	"net/http"
	"testing"

	"drawbridge/server/api"
)

// TestInProcessIsCut has a handler give up half way, as exports do: whoever asked in this
// process is told so, and neither crashes nor takes the half for the whole.
func TestInProcessIsCut(t *testing.T) {
	half := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic(http.ErrAbortHandler)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/backup", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := api.InProcess(half, api.Caller{}).RoundTrip(req)
	if err == nil {
		_ = res.Body.Close()
		t.Error("half an answer was taken for one")
	}
}
