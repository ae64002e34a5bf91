package api_test

import (
	"strings"
	"testing"

	"drawbridge/access"
	"drawbridge/store"
)

// TestNamesOfOtherSources has a caller name themselves as another source calls them,
// and a source that may say no names give one to somebody else.
func TestNamesOfOtherSources(t *testing.T) {
	w := newWorld(t)
	w.rules.Use(compile(t, strings.Replace(severally, "authoritativeFor: [title, department]", "authoritativeFor: [title, department, userName]", 1)))
	ada := w.person("ada@example.com")
	w.person("iam@example.com")
	okta := w.sender("okta")
	theirs := okta.send(201, "POST", "/Users", `{"userName":"lovelace"}`)
	w.update(func(tx store.Tx) error {
		return access.Attach(tx, w.rules.Book(), access.Attachment{Record: theirs.ID, Identity: ada.ID, By: "token/test", Reason: "it is she"})
	})
	if got := w.whoIs("lovelace"); got.ID != ada.ID {
		t.Fatalf("lovelace is %+v", got)
	}
	const rest = `,"role":"editor","reason":"to write","approvals":[{"by":"iam@example.com"}]}`
	_, text := w.call("ada", "POST", "/api/v1/grants?dryRun=true", `{"identity":"lovelace"`+rest, nil)
	if !strings.Contains(text, "themselves") {
		t.Errorf("to herself by another name: %s", text)
	}
	w.rules.Use(compile(t, severally)) // now okta may say no userName
	w.want(404, "admin", "POST", "/api/v1/grants?dryRun=true", `{"identity":"lovelace"`+rest, nil)
}
