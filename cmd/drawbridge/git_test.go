package main

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"drawbridge/cmd/drawbridge/internal/git"
	"drawbridge/policy/signed"
	"drawbridge/policy/signed/signedtest"
	"drawbridge/schema"
)

// commitAll makes a repository of a folder with the policy of testdata/bridge and more
// files, on its branch "proposed".
func commitAll(t *testing.T, change func(policy string)) (dir string) {
	t.Helper()
	root := t.TempDir()
	dir = filepath.Join(root, "policy")
	if err := os.CopyFS(dir, os.DirFS("testdata/bridge/policy")); err != nil {
		t.Fatal(err)
	}
	change(dir)
	for _, args := range [][]string{{"init", "-q", "-b", "proposed"}, {"add", "."}, {"commit", "-q", "-m", "Propose"}} {
		runGit(t, root, args...)
	}
	return dir
}

// runGit has Ann run git in a folder, and returns what it says.
func runGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ann", "-c", "user.email=ann@corp.example", "-c", "commit.gpgsign=false"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commitWords commits nothing but a message, and returns the id.
func commitWords(t *testing.T, dir, words string) string {
	t.Helper()
	runGit(t, dir, "commit", "-q", "--allow-empty", "-m", words)
	return runGit(t, dir, "rev-parse", "HEAD")
}

// sends is whether these commits are sent, newest first, to tell that the last one comes
// after another.
func sends(t *testing.T, dir, after string, want ...string) {
	t.Helper()
	e := git.Repository{Dir: dir}.Evidence(t.Context(), "HEAD", ".", after)
	if e == nil {
		t.Fatal("nothing is sent")
	}
	var got []string
	for _, raw := range e.Between {
		got = append(got, signedtest.ID(signed.Objects{Commit: raw}))
	}
	if !slices.Equal(got, want) {
		t.Errorf("sends %q, want %q", got, want)
	}
}

// TestGitGoesByParents has somebody's message, in a branch that is merged, say that it comes
// after what is in force, which is no way to it: the other one is sent, though it is longer.
func TestGitGoesByParents(t *testing.T) {
	dir := commitAll(t, func(string) {})
	inForce := commitWords(t, dir, "In force")
	first, second := commitWords(t, dir, "Go on"), commitWords(t, dir, "Go on again")
	runGit(t, dir, "checkout", "-q", "-b", "contributed", inForce+"~1")
	commitWords(t, dir, "Help\n\nFollows: "+inForce)
	runGit(t, dir, "checkout", "-q", "proposed")
	runGit(t, dir, "merge", "-q", "--no-ff", "-m", "Merge it", "contributed")
	sends(t, dir, inForce, second, first)
}

// TestGitPassesOverWhatIsNoCommit has what is signed say that it follows a file, a folder and
// a tag: that is no way to anywhere, and keeps nothing else from being found.
func TestGitPassesOverWhatIsNoCommit(t *testing.T) {
	dir := commitAll(t, func(string) {})
	inForce := commitWords(t, dir, "In force")
	between := commitWords(t, dir, "Go on")
	runGit(t, dir, "-c", "tag.gpgsign=false", "tag", "-a", "-m", "A tag", "v1")
	words := "Go on again\n"
	for _, name := range []string{"v1", "HEAD^{tree}", "HEAD:" + firstFile(t, dir)} {
		words += "\nFollows: " + runGit(t, dir, "rev-parse", name)
	}
	commitWords(t, dir, words)
	// From its parent only is there a way, which is asked for behind them.
	sends(t, dir, inForce, between)
}

func firstFile(t *testing.T, dir string) string {
	t.Helper()
	name, _, _ := strings.Cut(runGit(t, dir, "ls-tree", "-r", "--full-tree", "--name-only", "HEAD"), "\n")
	return name
}

func put(t *testing.T, text string, path ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path...), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A branch under review has no say in which of its files are looked at, nor in what is
// read of them.
func TestGitFolderReadsWhatIsCommitted(t *testing.T) {
	dir := commitAll(t, func(policy string) {
		put(t, "*.yaml export-ignore export-subst\n", policy, ".gitattributes")
		put(t, "# $Format:%H$\n", policy, "subst.yaml")
	})
	read, err := gitFolder(t.Context(), dir, "proposed")
	if err != nil {
		t.Fatal(err)
	}
	want, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(want) < 2 {
		t.Fatalf("documents: %v, %v", want, err)
	}
	for _, path := range want {
		text, err := os.ReadFile(path)
		if got := read.Draft.Files[filepath.Base(path)]; err != nil || got != string(text) {
			t.Errorf("%s is read as %q, want %q (%v; read: %v)", path, got, text, err, slices.Sorted(maps.Keys(read.Draft.Files)))
		}
	}
	if len(read.commit) < 40 || read.author != "ann@corp.example" {
		t.Errorf("commit %q of %q", read.commit, read.author)
	}
}

func TestGitFolderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(policy string)
		ref    string
		want   string
	}{
		"a link": {func(policy string) {
			if err := os.Symlink("../elsewhere.yaml", filepath.Join(policy, "linked.yaml")); err != nil {
				t.Fatal(err)
			}
		}, "proposed", "linked.yaml is a symbolic link"},
		"a commit that is none": {func(string) {}, "nowhere", "nowhere"},
		"a file for a commit":   {func(string) {}, "proposed:policy", "proposed:policy"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := gitFolder(t.Context(), commitAll(t, c.change), c.ref)
			if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// What is too large is given up while it is read.
func TestGitDocumentsAreBounded(t *testing.T) {
	dir := commitAll(t, func(policy string) { put(t, "#"+strings.Repeat("x", 1<<20)+"\n", policy, "large.yaml") })
	if _, err := (git.Repository{Dir: dir}).Documents(t.Context(), "proposed:./", 1<<20); !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), "larger") {
		t.Errorf("got %v", err)
	}
	if files, err := (git.Repository{Dir: dir}).Documents(t.Context(), "proposed:./", 2<<20); err != nil || len(files["large.yaml"]) != 1<<20+2 {
		t.Errorf("%d bytes, %v", len(files["large.yaml"]), err)
	}
}
