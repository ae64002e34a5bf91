package server

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
)

// panicking is the server's middleware over handlers that panic, as none of ours
// is known to.
func panicking(t *testing.T, log io.Writer) *httptest.Server {
	t.Helper()
	e := echo.New()
	l := slog.New(slog.NewTextHandler(log, nil))
	e.HTTPErrorHandler = answerError(l)
	e.Use(observe(l, nil), recovered)
	e.GET("/boom", func(echo.Context) error { panic("boom at 10.1.2.3") })
	e.GET("/scim/boom", func(echo.Context) error { panic("boom at 10.1.2.3") })
	e.GET("/cut", func(c echo.Context) error {
		c.Response().WriteHeader(http.StatusOK)
		c.Response().Flush()
		panic(http.ErrAbortHandler)
	})
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	return srv
}

func TestAPanicIsOneRequests(t *testing.T) {
	var log strings.Builder
	srv := panicking(t, &log)
	for path, kind := range map[string]string{"/boom": problem, "/scim/boom": "application/scim+json"} {
		res, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusInternalServerError || res.Header.Get("Content-Type") != kind || strings.Contains(string(body), "10.1.2.3") {
			t.Errorf("%s: %d %s %s", path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
	srv.Close()
	if got := strings.Count(log.String(), `msg="request failed"`); got != 2 || !strings.Contains(log.String(), "recover_test.go") {
		t.Errorf("the log has %d failures, want 2, with where they were:\n%s", got, log.String())
	}
}

const problem = "application/problem+json"

func TestACutAnswerIsCutAndLogged(t *testing.T) {
	var log strings.Builder
	srv := panicking(t, &log)
	res, err := srv.Client().Get(srv.URL + "/cut")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		err = errors.Join(err, res.Body.Close())
	}
	if err == nil {
		t.Error("the client takes half an answer for a whole one")
	}
	srv.Close()
	if !strings.Contains(log.String(), "path=/cut") {
		t.Errorf("the log does not have it: %s", log.String())
	}
}
