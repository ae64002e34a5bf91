package policytest_test

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"drawbridge/policy"
	"drawbridge/policy/policytest"
)

// shipped reads the folders, as one.
func shipped(t *testing.T, folders ...string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	for _, folder := range folders {
		from := os.DirFS(folder)
		err := fs.WalkDir(from, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := fs.ReadFile(from, name)
			all[path.Join(path.Base(folder), name)] = &fstest.MapFile{Data: text}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestShippedPolicy proves R-PUB-5.
func TestShippedPolicy(t *testing.T) {
	set, loaded := policy.Load(shipped(t, "../../configs/policy"))
	book, compiled := policy.Compile(set)
	if found := slices.Concat(loaded, compiled); len(found) != 0 {
		t.Fatalf("got findings:\n%s", found)
	}
	if got := len(book.Roles()); got != 15 {
		t.Errorf("got %d roles, want 15", got)
	}
	for _, r := range policytest.Run(book, set) {
		if !r.OK {
			t.Errorf("%s:%d: %s: %v", r.File, r.Line, r.Name, r.Failures)
		}
	}
	for _, role := range book.Roles() {
		gained, lost := tested(set, role.Metadata.Name)
		if !gained || !lost {
			t.Errorf("role %s: tested for grant %v, for loss %v; want both", role.Metadata.Name, gained, lost)
		}
	}
}

// tested reports whether a test expects the role to be had, and whether one
// expects it not to be.
func tested(set *policy.Set, role string) (gained, lost bool) {
	for _, t := range set.Tests {
		expects := []policy.Expectation{t.Spec.Expect}
		for _, m := range t.Spec.Then {
			expects = append(expects, m.Expect)
		}
		for _, x := range expects {
			gained = gained || slices.Contains(slices.Concat(x.Assigned, x.Eligible), role)
			lost = lost || slices.Contains(slices.Concat(x.NotAssigned, x.NotEligible, x.Suspended), role) ||
				slices.ContainsFunc(x.Fired, func(f policy.TestFired) bool { return f.Role == role })
		}
	}
	return gained, lost
}

// TestShippedRefusal proves R-READY-1.
func TestShippedRefusal(t *testing.T) {
	set, loaded := policy.Load(shipped(t, "../../configs/policy", "../../configs/demo/refused"))
	book, compiled := policy.Compile(set)
	found := slices.Concat(loaded, compiled)
	if len(found) != 1 || found[0].Code != policy.CodeOwner || found[0].File != "refused/unowned.yaml" || found[0].Line != 10 {
		t.Errorf("got findings:\n%swant one E-OWNER at refused/unowned.yaml:10", found)
	}
	if got := book.Refused(); len(got) != 1 || got[0].Role != "research" || !slices.Equal(got[0].Codes, []string{"E-OWNER"}) {
		t.Errorf("got refused %v, want research for E-OWNER", got)
	}
	for _, r := range policytest.Run(book, set) {
		if !r.OK {
			t.Errorf("%s:%d: %s: %v", r.File, r.Line, r.Name, r.Failures)
		}
	}
}

// TestDemoPolicy holds what the demo adds to the shipped policy to its own tests: those of
// the rest say of each person all that they have without it.
func TestDemoPolicy(t *testing.T) {
	set, loaded := policy.Load(shipped(t, "../../configs/policy", "../../configs/demo/alerts"))
	book, compiled := policy.Compile(set)
	if found := slices.Concat(loaded, compiled); len(found) > 0 {
		t.Errorf("got findings:\n%s", found)
	}
	ran := 0
	for _, r := range policytest.Run(book, set) {
		if r.File != "alerts/alerts.yaml" {
			continue
		}
		if ran++; !r.OK {
			t.Errorf("%s:%d: %s: %v", r.File, r.Line, r.Name, r.Failures)
		}
	}
	if ran == 0 {
		t.Error("it has no tests")
	}
}
