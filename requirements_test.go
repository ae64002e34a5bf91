package drawbridge_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("update", false, "write the tests that prove each requirement into docs/requirements.md")

var requirement = regexp.MustCompile(`\bR-[A-Z]+-[0-9]+\b`)

// TestRequirements holds the table of docs/requirements.md to the tests: those that
// it names for a requirement are those whose comment says that they prove it. With
// -update it is written anew.
func TestRequirements(t *testing.T) {
	const page = "docs/requirements.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	proofs, seen := provenBy(t), map[string]bool{}
	var lines []string
	for line := range strings.Lines(string(text)) {
		id := requirement.FindString(line)
		if !strings.HasPrefix(line, "| R-") {
			lines = append(lines, line)
			continue
		}
		if seen[id] || len(proofs[id]) == 0 {
			t.Errorf("%s: the row of %s is there twice, or no test says that it proves it: take the row away", page, id)
		}
		seen[id] = true
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			t.Fatalf("%s: the row of %s has %d cells, want 3", page, id, len(cells)-2)
		}
		want := " " + strings.Join(proofs[id], ", ") + " "
		if !*rewrite && cells[3] != want {
			t.Errorf("%s: the row of %s names\n%s\nand the tests that say so are\n%s\n(go test . -run TestRequirements -update)", page, id, cells[3], want)
		}
		cells[3] = want
		lines = append(lines, strings.Join(cells, "|"))
		delete(proofs, id)
	}
	for id, tests := range proofs {
		t.Errorf("%s has no row for %s, which %s say that they prove", page, id, strings.Join(tests, ", "))
	}
	if *rewrite {
		if err := os.WriteFile(page, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// provenBy returns the tests that say which requirement they prove, by requirement:
// Go tests as `package.Test`, scripts as `name.txtar`.
func provenBy(t *testing.T) map[string][]string {
	t.Helper()
	proofs := map[string][]string{}
	add := func(comment, name string) {
		for _, id := range requirement.FindAllString(comment, -1) {
			if !slices.Contains(proofs[id], name) {
				proofs[id] = append(proofs[id], name)
			}
		}
	}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go"):
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, decl := range file.Decls {
				if f, ok := decl.(*ast.FuncDecl); ok && f.Doc != nil && f.Recv == nil && regexp.MustCompile(`^(Test|Fuzz|Benchmark)`).MatchString(f.Name.Name) {
					add(f.Doc.Text(), "`"+path.Dir(name)+"."+f.Name.Name+"`")
				}
			}
		case strings.HasSuffix(name, ".txtar"):
			script, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for line := range strings.Lines(string(script)) {
				if strings.HasPrefix(line, "#") {
					add(line, "`"+d.Name()+"`")
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tests := range proofs {
		slices.Sort(tests)
	}
	return proofs
}
