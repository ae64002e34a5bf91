package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRoads does what pages say, as it stands there, in an empty folder: every block
// of sh, one after the other. Only ports, and how long people are waited for, differ.
func TestRoads(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for people to be hired")
	}
	for _, tool := range []string{"bash", "curl", "cut", "grep", "openssl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not here", tool)
		}
	}
	for _, road := range []struct {
		page    string
		differs func(bridge, target string) []string // pairs of what stands there, and what is done
		prints  []string
	}{
		{ // from an empty folder to access that ended
			page: "README.md",
			differs: func(bridge, _ string) []string {
				return []string{"127.0.0.1:8080", bridge, "drawbridge init mine", "drawbridge init mine --listen " + bridge, "--lasts 1m", "--lasts 2s"}
			},
			prints: []string{
				"ready", "refused: 3", "is fulfilled: grant", `"entitlements":["Hardware lab"]`, "olga@example.com has doors/lab",
				"olga@example.com had doors/lab and lost it", "verified", "1 exposure window",
			},
		},
		{ // from nothing to a leaver cut off
			page: "docs/connecting.md",
			differs: func(bridge, target string) []string {
				return []string{
					"127.0.0.1:8080", bridge, "127.0.0.1:9090", target, "connector fake", "connector fake --listen " + target,
					"cat >> drawbridge.yaml <<'END'\n", "cat >> drawbridge.yaml <<'END'\nlisten: " + bridge + "\n",
				}
			},
			prints: []string{
				"canary: dbcanary-", "exact      bob@example.com", "2 accounts of wiki adopted", "to all: 4 accounts, ",
				"wiki: all; 4 of 4 accounts", "joe@example.com at badges confirmed", "true,Server room", `"active":false`,
			},
		},
	} {
		t.Run(road.page, func(t *testing.T) {
			t.Parallel()
			bridge, target := portOf(t), portOf(t)
			out := walk(t, strings.NewReplacer(road.differs(bridge, target)...).Replace(script(t, road.page)))
			for _, want := range road.prints {
				if !strings.Contains(out, want) {
					t.Errorf("what is printed has no %s:\n%s", want, out)
				}
			}
		})
	}
}

// script is what a page has people type. A fault ends it, and so does its end.
func script(t *testing.T, page string) string {
	t.Helper()
	text := "set -e -o pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n"
	for _, b := range blocks(document(t, page)) {
		if b.language == "sh" {
			text += b.text
		}
	}
	return text
}

// walk runs a script in an empty folder and returns what it printed.
func walk(t *testing.T, script string) string {
	t.Helper()
	self, err := exec.LookPath("drawbridge") // testscript put this program there
	if err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "bash", "-c", script)
	run.Dir, run.WaitDelay = work, time.Minute
	run.Env = append(os.Environ(), "PATH="+filepath.Dir(self)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// portOf returns an address where nobody listens, as host:port.
func portOf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprint(l.Addr())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}
