package api_test

import (
	"io"
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

// TestInProcessStreams hands on what is asked for as a file while it is made: who reads
// it has the first of it before the last is there, and is told where it was cut.
func TestInProcessStreams(t *testing.T) {
	for name, cut := range map[string]bool{"whole": false, "cut": true} {
		t.Run(name, func(t *testing.T) {
			more := make(chan struct{})
			slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/jsonl")
				_, _ = w.Write([]byte("first"))
				<-more
				if cut {
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write([]byte("last"))
			})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/log/export", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/jsonl")
			res, err := api.InProcess(slow, api.Caller{}).RoundTrip(req)
			if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/jsonl" {
				t.Fatalf("it is answered %+v, %v", res, err)
			}
			defer func() { _ = res.Body.Close() }()
			some := make([]byte, 5)
			if _, err := io.ReadFull(res.Body, some); err != nil || string(some) != "first" {
				t.Fatalf("it begins with %q, %v", some, err)
			}
			close(more)
			if rest, err := io.ReadAll(res.Body); (err != nil) != cut || !cut && string(rest) != "last" {
				t.Errorf("it ends with %q, %v", rest, err)
			}
		})
	}
}
