package policy

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// folder returns the base policy, with the files added by name, or put in its place.
func folder(t *testing.T, files map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{"base.yaml": {Data: []byte(baseText(t))}}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func baseText(t *testing.T) string {
	t.Helper()
	base, err := os.ReadFile("testdata/base/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(base)
}

// lint returns all that is wrong with a folder.
func lint(fsys fs.FS) (*Book, Findings) {
	set, loaded := Load(fsys)
	book, compiled := Compile(set)
	return book, slices.Concat(loaded, compiled).sorted()
}

// TestBaseIsClean proves R-POL-2.
func TestBaseIsClean(t *testing.T) {
	book, found := lint(folder(t, nil))
	if len(found) != 0 || len(book.Refused()) != 0 {
		t.Errorf("got refused %v and findings:\n%s", book.Refused(), found)
	}
}

// TestBadDocuments lints every file of testdata/bad on top of the base. Its
// first lines say what is to be found in it: want CODE LINE:COL. That a role is
// untested is only of interest where the file says so. R-POL-2, R-POL-5, R-OWN-1, R-JIT-3.
func TestBadDocuments(t *testing.T) {
	files, err := fs.Glob(os.DirFS("testdata/bad"), "*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(path.Join("testdata/bad", name))
			if err != nil {
				t.Fatal(err)
			}
			want := wants(string(text))
			if len(want) == 0 {
				t.Fatal("the file does not say what is wrong with it")
			}
			var got []string
			book, found := lint(folder(t, map[string]string{name: string(text)}))
			for _, f := range found {
				if f.Code == CodeUntested && !strings.Contains(strings.Join(want, " "), string(CodeUntested)) {
					continue
				}
				if f.File != name {
					t.Errorf("got a finding elsewhere: %s", f)
				}
				got = append(got, fmt.Sprintf("%s %d:%d", f.Code, f.Line, f.Col))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%s", diff, found)
			}
			refused(t, book, found)
		})
	}
}

func wants(text string) []string {
	var want []string
	for line := range strings.Lines(text) {
		if w, ok := strings.CutPrefix(line, "# want "); ok {
			want = append(want, strings.TrimSpace(w))
		}
	}
	return want
}

// refused checks that whatever role has an error is refused for it, and that the
// book works all the same.
func refused(t *testing.T, book *Book, found Findings) {
	t.Helper()
	for _, f := range found {
		name, isRole := strings.CutPrefix(f.Object, "Role/")
		if !isRole || f.Severity != Error || name == "" {
			continue
		}
		i := slices.IndexFunc(book.Refused(), func(r Refusal) bool { return r.Role == name })
		if i < 0 || !slices.Contains(book.Refused()[i].Codes, string(f.Code)) {
			t.Errorf("role %s: got refused %v, want it refused for %s", name, book.Refused(), f.Code)
		}
		if _, inForce := book.Role(name); inForce {
			t.Errorf("role %s is refused, and in force", name)
		}
	}
	if _, ok := book.Entitlement("wiki", "editors"); !ok {
		t.Error("a mistake in one document took the rest of the book along")
	}
}

// TestAdvice writes a policy from nothing: whatever is missing, lint says what to
// write.
func TestAdvice(t *testing.T) {
	const head = "apiVersion: drawbridge/v1\nkind: %s\nmetadata: { name: %s, owner: { user: a@example.com } }\n"
	role := fmt.Sprintf(head, "Role", "engineer") + `spec:
  type: birthright
  assign: identity.department == "Engineering"
  grants: [{ connector: wiki, entitlement: readers }]
  triggers: [leaver]
`
	set := fmt.Sprintf(head, "PolicySet", "mine") + "spec: { identity: { department: { type: string, from: [hr] } } }\n"
	for _, tc := range []struct{ name, text string }{
		{"a role alone", role},
		{"and a policy set", role + "---\n" + set},
		{"and the rest, empty", role + "---\n" + set + "---\n" + fmt.Sprintf(head, "Source", "hr") + "---\n" +
			fmt.Sprintf(head, "Connector", "wiki") + "spec: {}\n---\n" + fmt.Sprintf(head, "TriggerSet", "leaver") + "spec: { triggers: [{}] }\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, found := lint(fstest.MapFS{"mine.yaml": {Data: []byte(tc.text)}})
			if len(found) == 0 {
				t.Fatal("found nothing")
			}
			for _, f := range found {
				if f.Hint == "" {
					t.Errorf("no advice: %s", f)
				}
			}
		})
	}
}
