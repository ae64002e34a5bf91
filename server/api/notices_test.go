package api_test

import (
	"slices"
	"testing"

	"drawbridge/access"
	"drawbridge/notice"
	"drawbridge/schema"
	"drawbridge/server/api"
	"drawbridge/store"
)

// TestNotices lists who is to be told what, and sends a trial to whom is meant.
func TestNotices(t *testing.T) {
	w := newWorld(t)
	ada := w.person("ada@example.com")
	err := w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, to := range []string{ada.ID, access.Operators, "mailto:duty@example.com"} {
			if err := access.Notify(tx, schema.Notice{To: to, Kind: "work", Subject: "work/x", What: "do it"}); err != nil {
				return err
			}
		}
		pile, err := access.NoticesOf(tx, access.Operators)
		if err != nil {
			return err
		}
		return access.Notified(tx, w.rules.Book(), pile.Due, "", true)
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"/api/v1/notices":                             {ada.ID, "mailto:duty@example.com", "operators"},
		"/api/v1/notices?limit=1":                     {ada.ID, "mailto:duty@example.com", "operators"},
		"/api/v1/notices?waiting=true":                {ada.ID, "mailto:duty@example.com"},
		"/api/v1/notices?to=ada@example.com":          {ada.ID},
		"/api/v1/notices?to=operators":                {"operators"},
		"/api/v1/notices?to=operators&waiting=true":   nil,
		"/api/v1/notices?to=mailto:duty@example.com":  {"mailto:duty@example.com"},
		"/api/v1/notices?to=mailto:night@example.com": nil,
	} {
		found, _ := pages[api.NoticeView](w, path)
		var got []string
		for _, n := range found {
			got = append(got, n.To)
			if n.To == ada.ID && n.UserName != "ada@example.com" {
				t.Errorf("%s: she is called %q", path, n.UserName)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	w.want(404, "auditor", "GET", "/api/v1/notices?to=nobody@example.com", "", nil)
	w.want(403, "viewer", "GET", "/api/v1/notices", "", nil)
	var tried api.List[notice.Trial]
	w.want(200, "operator", "POST", "/api/v1/notices/test", `{}`, &tried)
	w.want(200, "operator", "POST", "/api/v1/notices/test", `{"to":"ada@example.com"}`, nil)
	w.want(404, "operator", "POST", "/api/v1/notices/test", `{"to":"nobody@example.com"}`, nil)
	w.want(404, "operator", "POST", "/api/v1/notices/test", `{"to":"mailto:anybody@example.org"}`, nil)
	w.want(200, "operator", "POST", "/api/v1/notices/test", `{"to":"mailto:duty@example.com"}`, nil)
	if want := []string{"operators ", ada.ID + " ada@example.com", "mailto:duty@example.com duty@example.com"}; !slices.Equal(w.tried, want) || len(tried.Items) != 1 || tried.Items[0].Channel != "mail" {
		t.Errorf("it was sent to %v, want %v, and came to %+v", w.tried, want, tried)
	}
}
