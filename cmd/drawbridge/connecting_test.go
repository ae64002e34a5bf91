package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestConnecting does what docs/connecting.md says, as it stands there, but for the
// ports: from nothing to a leaver cut off.
func TestConnecting(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for people to be hired")
	}
	for _, tool := range []string{"bash", "curl", "grep", "openssl", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not here", tool)
		}
	}
	t.Parallel()
	var script strings.Builder
	script.WriteString("set -e -o pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n")
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(document(t, "docs/connecting.md"), -1) {
		script.WriteString(block[1])
	}
	bridge, target := portOf(t), portOf(t)
	text := strings.NewReplacer("127.0.0.1:8080", bridge, "127.0.0.1:9090", target, "connector fake", "connector fake --listen "+target,
		"cat >> drawbridge.yaml <<'END'\n", "cat >> drawbridge.yaml <<'END'\nlisten: "+bridge+"\n").Replace(script.String())
	dir := t.TempDir()
	self, err := exec.LookPath("drawbridge") // testscript put this program there
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(ctx, "bash", "-c", text)
	run.Dir, run.WaitDelay = work, time.Minute
	run.Env = append(os.Environ(), "PATH="+filepath.Dir(self)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"canary: dbcanary-", "exact      bob@example.com", "2 accounts of wiki adopted", "to all: 4 accounts, ", "wiki: all; 4 of 4 accounts", `"active":false`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("what is printed has no %s:\n%s", want, out)
		}
	}
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
