// Package drawbridge_test holds the house together: which package may import
// which, that each says what it is for, and that nothing depends on the machine
// it was written on.
package drawbridge_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A floor is a part of the house. Its packages import nothing but what is on
// floors below.
type floor struct {
	name     string
	packages []string // "a/*" is whatever is below a and is not named itself
}

// floors is the architecture, from the ground up. Floors 0 and 2 to 6 have a
// landing: what only wires its neighbours together, or what they share.
var floors = []floor{
	{"0, the nouns", []string{"schema"}},
	{"0, reading what was kept of them", []string{"schema/jsonscan"}},
	{"1, pure", []string{"schema/*", "policy", "audit", "docs/codes"}},
	{"2, contracts", []string{"store", "connectors", "policy/*", "evidence/pack"}},
	{"2, what tests of one share", []string{"policy/signed/signedtest"}},
	{"3, what connectors share, and what configs names", []string{"connectors/web", "connectors/course", "evidence/feed"}},
	{"3, what keeps a contract", []string{"store/*", "connectors/*", "configs"}},
	{"3, how people are told", []string{"notice"}},
	{"3, the map of connectors", []string{"connectors/builtin"}},
	{"4, the credentials that are issued", []string{"access/tokens"}},
	{"4, every way in which access changes", []string{"access"}},
	{"4, what reads and forgets what access wrote", []string{"access/*"}},
	{"4, what shows it", []string{"evidence"}},
	{"5, what takes in and what carries out", []string{"server/*", "scheduler"}},
	{"5, where the server is mounted", []string{"server"}},
	{"6, what git stores", []string{"cmd/drawbridge/internal/git"}},
	{"6, the running bridge", []string{"cmd/drawbridge/internal/bridge"}},
	{"6, what runs one", []string{"cmd/*"}},
	{"6, the program", []string{"cmd/drawbridge"}},
}

// only says which packages may import one that is not for everybody above it.
var only = map[string][]string{
	"store/bolt":         {"cmd/drawbridge", "cmd/*", "access/accesstest"},
	"store/keyfile":      {"cmd/*"},
	"connectors/builtin": {"cmd/drawbridge", "cmd/*"},
}

// allowed narrows what packages import of ours further than their floor does. Of the
// console's pages every one is made from API calls: it knows no store.
var allowed = map[string][]string{
	"server/console": {"schema", "access", "access/*"},
	"store":          {"schema", "schema/jsonscan", "audit"},
	"connectors/*":   {"schema", "connectors", "connectors/*"},
}

const module = "drawbridge"

func TestFloors(t *testing.T) {
	for _, p := range packages(t) {
		here := floorOf(p.path)
		if here < 0 {
			t.Errorf("package %s is on no floor: decide where it belongs and add it to floors", p.path)
			continue
		}
		for _, imported := range p.ours() {
			below := floorOf(imported)
			if below >= here {
				t.Errorf("%s (floor %s) imports %s (floor %s): a package imports only from floors below its own",
					p.path, floors[here].name, imported, floors[below].name)
			}
			if may, narrow := only[imported]; narrow && !matches(may, p.path) {
				t.Errorf("%s imports %s, which is for %s only", p.path, imported, strings.Join(may, " and "))
			}
			if may := narrowed(p.path); may != nil && !matches(may, imported) {
				t.Errorf("%s imports %s: of ours it may import %s only", p.path, imported, strings.Join(may, ", "))
			}
		}
	}
}

func TestNounsNeedNothing(t *testing.T) {
	for _, p := range packages(t) {
		if at := floorOf(p.path); at < 0 || !strings.HasPrefix(floors[at].name, "0,") {
			continue
		}
		for _, imported := range p.Imports {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") || first == module {
				t.Errorf("%s imports %s: the nouns import the standard library only", p.path, imported)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("package %s has no package comment: say in a sentence what it is for", p.path)
		}
	}
}

// TestNoPathOfOneMachine looks for absolute paths into somebody's home.
func TestNoPathOfOneMachine(t *testing.T) {
	home := regexp.MustCompile(`(^|[\s"'` + "`" + `=(:])/(home|root|work|Users)/[\w.-]+/`)
	for _, name := range files(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if found := home.FindString(line); found != "" {
				t.Errorf("%s:%d: %s is a path of one machine", name, n+1, strings.TrimSpace(found))
			}
		}
	}
}

// TestArchitectureDrawsEveryRoom holds the picture in docs/architecture.md to the
// packages that there are, each on its floor and above what it may import.
func TestArchitectureDrawsEveryRoom(t *testing.T) {
	drawn := rooms(t)
	for _, p := range packages(t) {
		if !slices.ContainsFunc(drawn, func(r room) bool { return r.path == p.path }) {
			t.Errorf("docs/architecture.md does not draw %s: add it to its floor, with a word on what it is for", p.path)
		}
	}
	for i, r := range drawn {
		at := floorOf(r.path)
		if info, err := os.Stat(r.path); err != nil || !info.IsDir() || at < 0 {
			t.Errorf("docs/architecture.md draws %s, which is no package", r.path)
			continue
		}
		if number, _, _ := strings.Cut(floors[at].name, ","); number != r.floor {
			t.Errorf("docs/architecture.md draws %s on floor %s, it is on floor %s", r.path, r.floor, floors[at].name)
		}
		if i > 0 && floorOf(drawn[i-1].path) < at {
			t.Errorf("docs/architecture.md draws %s below %s, which may not import it", r.path, drawn[i-1].path)
		}
	}
}

// A room is a package as the picture draws it.
type room struct{ floor, path string }

// rooms reads the picture: the first block of docs/architecture.md. A line of it
// begins with the floor's number, or stands below one that does; then come paths, and
// after two spaces, or on a line of its own, what they are for.
func rooms(t *testing.T) (drawn []room) {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, picture, _ := strings.Cut(string(text), "```\n")
	picture, _, _ = strings.Cut(picture, "```")
	line := regexp.MustCompile(`(?m)^([\d ])  ([^\s{]*)(?:\{(.*)\})?(?:\s|$)`)
	floor := ""
	for _, m := range line.FindAllStringSubmatch(picture, -1) {
		if m[1] != " " {
			floor = m[1]
		}
		for last := range strings.SplitSeq(m[3], ",") {
			if m[2]+last != "" {
				drawn = append(drawn, room{floor, m[2] + last})
			}
		}
	}
	return drawn
}

// A pkg is a package of ours as the go command lists it.
type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string // without those of its tests, which may look anywhere

	path string // below the module
}

// ours returns the packages of this module that it imports, by path.
func (p pkg) ours() []string {
	var paths []string
	for _, imported := range p.Imports {
		if below, found := strings.CutPrefix(imported, module+"/"); found {
			paths = append(paths, below)
		}
	}
	return paths
}

// packages lists the packages of the module. The root has tests only.
func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Doc,Imports", "./...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read what go list printed: %v", err)
		}
		if below, found := strings.CutPrefix(p.ImportPath, module+"/"); found {
			p.path = below
			all = append(all, p)
		}
	}
	if len(all) < 5 {
		t.Fatalf("go list found %d packages: run the tests from a checkout", len(all))
	}
	return all
}

// floorOf returns the index of the floor a package is on, or -1. A package that
// is named itself is where it is named; otherwise the longest pattern counts.
func floorOf(pkgPath string) int {
	at, longest := -1, -1
	for i, f := range floors {
		for _, pattern := range f.packages {
			switch {
			case pattern == pkgPath:
				return i
			case below(pattern, pkgPath) && len(pattern) > longest:
				at, longest = i, len(pattern)
			}
		}
	}
	return at
}

// narrowed returns what of ours the package may import, or nil for whatever its
// floor allows.
func narrowed(pkgPath string) []string {
	for pattern, may := range allowed {
		if pattern == pkgPath || below(pattern, pkgPath) {
			return may
		}
	}
	return nil
}

func matches(patterns []string, pkgPath string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return pattern == pkgPath || below(pattern, pkgPath)
	})
}

func below(pattern, pkgPath string) bool {
	folder, wild := strings.CutSuffix(pattern, "*")
	return wild && strings.HasPrefix(pkgPath, folder)
}

// files lists the text files of the tree, by path below the root.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "dist", "data", "node_modules"}, d.Name()):
			return fs.SkipDir
		case d.Type().IsRegular() && slices.Contains(texts, path.Ext(name)):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// texts are the extensions of what people read and write; "" is Makefile and
// its like.
var texts = []string{"", ".go", ".md", ".yaml", ".yml", ".json", ".txt", ".txtar", ".html", ".css", ".js", ".mod", ".ldif", ".conf", ".sh"}
