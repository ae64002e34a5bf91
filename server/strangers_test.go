package server_test

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"drawbridge/access"
	"drawbridge/policy"
	"drawbridge/server"
)

// TestStrangersFindNothingWrong has libraries that nobody here wrote judge the
// SCIM endpoint, over a listener: its discovery documents, every answer, what a
// PATCH leaves behind and whom a filter finds. testdata/strangers/judge.mjs says
// which, and how.
func TestStrangersFindNothingWrong(t *testing.T) {
	const folder = "testdata/strangers"
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
		const how = "no stranger judges the endpoint: npm ci --prefix server/" + folder
		if os.Getenv("CI") != "" {
			t.Fatal(how)
		}
		t.Skip(how)
	}
	here := httptest.NewUnstartedServer(nil)
	base := "http://" + here.Listener.Addr().String()
	w := newWorld(t, func(o *server.Options) {
		o.PublicURL = base
		set, _ := policy.Load(os.DirFS("../configs/policy"))
		book, _ := policy.Compile(set)
		o.Rules = access.NewRules(book, nil)
		o.Credentials[0].Source = "workday"
	})
	here.Config.Handler = w.Config.Handler
	here.Start()
	defer here.Close()

	node := exec.CommandContext(t.Context(), "node", "judge.mjs")
	node.Dir, node.Stderr = folder, os.Stderr
	node.Env = append(os.Environ(), "BASE="+base+"/scim/v2", "TOKEN="+sourceSecret)
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	var looked map[string]int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var said struct {
			Who, What, Wrong string
			Looked           map[string]int
		}
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if looked = said.Looked; looked == nil {
			t.Errorf("%s on %s: %s", said.Who, said.What, said.Wrong)
		}
	}
	if err := node.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("looked at: %v", looked)
	for who, least := range map[string]int{"scimmy": 200, "scim-patch": 50, "scim2-parse-filter": 30} {
		if looked[who] < least {
			t.Errorf("%s looked at %d things, want %d at least", who, looked[who], least)
		}
	}
}
