package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"drawbridge/configs"
	"drawbridge/connectors/builtin"
	"drawbridge/policy"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pagesOf are all that people read, by path from the root.
func pagesOf(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "configs/profiles/README.md"}
	err := fs.WalkDir(os.DirFS("../.."), "docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			all = append(all, path)
		}
		return err
	})
	if err != nil || len(all) < 30 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

// A block is what a page shows between fences.
type block struct {
	language, text string
	line           int
}

func blocks(page string) (all []block) {
	for _, at := range regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```").FindAllStringSubmatchIndex(page, -1) {
		all = append(all, block{page[at[2]:at[3]], page[at[4]:at[5]], strings.Count(page[:at[4]], "\n") + 1})
	}
	return all
}

// TestDocumentedCommands holds every command that a page shows or names to the command
// line: there is such a command, with these flags, and as many arguments.
func TestDocumentedCommands(t *testing.T) {
	const name = `(?:go run \./cmd/drawbridge|drawbridge)`
	shown := regexp.MustCompile(`(?m)^(?:    |\$ |  |.*(?:until|do|!|&&|\|\||\$\(|[A-Z_]+=\S+) )?` + name + ` +([a-z].*)$`)
	named := regexp.MustCompile("`" + name + " ([a-z][^`]*)`")
	count := 0
	for _, path := range pagesOf(t) {
		page := strings.ReplaceAll(document(t, path), "\\\n", " ")
		for _, m := range append(shown.FindAllStringSubmatch(page, -1), named.FindAllStringSubmatch(page, -1)...) {
			words, whole := wordsOf(m[1])
			count++
			for _, line := range alternatives(words) {
				if wrong := understood(line, whole && !strings.HasPrefix(m[0], "`")); wrong != "" {
					t.Errorf("%s: %s\n\t%s", path, strings.TrimSpace(m[0]), wrong)
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d commands were found", count)
	}
}

// wordsOf are the words of a command as a shell has them, and whether none is left
// out, as "..." says.
func wordsOf(line string) (words []string, whole bool) {
	word := regexp.MustCompile(`^(?:[^\s'"|&;()<>#]\|?|'[^']*'|"[^"]*"|\$\([^)]*\))+`)
	line = strings.NewReplacer("[", "", "]", "", " 2>", " >").Replace(line) // what may be left out is there
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		w := word.FindString(line)
		if w == "" {
			return words, true // what follows is for the shell, or a comment
		}
		if w == "..." {
			return words, false
		}
		words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(w))
		line = line[len(w):]
	}
	return words, true
}

// alternatives are the commands that "nhi stop|start MACHINE" stands for.
func alternatives(words []string) [][]string {
	for i, w := range words {
		if strings.Contains(w, "|") && !strings.HasPrefix(w, "-") && w == strings.ToLower(w) {
			var all [][]string
			for one := range strings.SplitSeq(w, "|") {
				all = append(all, alternatives(slices.Concat(words[:i], []string{one}, words[i+1:]))...)
			}
			return all
		}
	}
	return [][]string{words}
}

// understood says why the command line would not take the words; of those that are
// not all, only whether there are such a command and such flags.
func understood(words []string, whole bool) (wrong string) {
	cmd, rest, err := rootCommand().Find(words)
	if err != nil {
		return err.Error()
	}
	for _, w := range rest {
		if flag, _, _ := strings.Cut(w, "="); strings.HasPrefix(flag, "--") && flag != "--help" && cmd.Flags().Lookup(flag[2:]) == nil {
			return cmd.CommandPath() + " has no flag " + flag
		}
	}
	if !whole || slices.Contains(rest, "--help") {
		return ""
	}
	if cmd.HasSubCommands() {
		return "which of " + cmd.CommandPath() + "?"
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}

// TestDocumentedYAML loads every piece of a configuration, and every document of a
// policy, that a page shows.
func TestDocumentedYAML(t *testing.T) {
	count := 0
	for _, path := range pagesOf(t) {
		if strings.HasPrefix(path, "docs/codes/") {
			continue // TestEveryCodeHasItsPage lints these
		}
		for _, b := range blocks(document(t, path)) {
			if b.language != "yaml" {
				continue
			}
			count++
			for _, wrong := range mistakesIn(t, b.text) {
				t.Errorf("%s:%d: %s", path, b.line, wrong)
			}
		}
	}
	if count < 25 {
		t.Errorf("only %d were found", count)
	}
}

// around is what a fragment of a document is a fragment of, by how it begins.
var around = map[string]string{
	"spec:":     "kind: Role\n",
	"review:":   "kind: Role\nspec:\n  type: birthright\n  ",
	"- { name:": "kind: TriggerSet\nspec:\n  triggers:\n  ",
}

// mistakesIn says what is wrong with a snippet of YAML.
func mistakesIn(t *testing.T, text string) []string {
	t.Helper()
	for begins, with := range around {
		if strings.HasPrefix(strings.TrimSpace(text), begins) {
			text = with + strings.TrimLeft(text, " ")
		}
	}
	switch {
	case strings.HasPrefix(text, "- put:"), strings.HasPrefix(text, "disable:"): // of a declaration: connectors/rest tries it
		return nil
	case regexp.MustCompile(`(?m)^kind: `).MatchString(text):
		return mistakesInPolicy(text)
	}
	return mistakesInConfiguration(t, text)
}

// mistakesInPolicy says what strict reading refuses of documents. What they refer to
// stands elsewhere.
func mistakesInPolicy(text string) (wrong []string) {
	var documents []string
	for d := range strings.SplitSeq(text, "\n---\n") {
		for _, missing := range []struct{ key, line string }{
			{"metadata:", "metadata: { name: it, owner: { user: a@example.com, deputy: b@example.com } }\n"},
			{"apiVersion:", "apiVersion: drawbridge/v1\n"},
		} {
			if !strings.Contains(d, missing.key) {
				d = missing.line + d
			}
		}
		documents = append(documents, d)
	}
	text = strings.Join(documents, "\n---\n")
	if !strings.Contains(text, "kind: PolicySet") {
		text += "\n---\napiVersion: drawbridge/v1\nkind: PolicySet\nmetadata: { name: set, owner: { user: a@example.com, deputy: b@example.com } }\nspec: { mode: observe }\n"
	}
	unreadable := []policy.Code{policy.CodeYAML, policy.CodeAlias, policy.CodeDup, policy.CodeKind, policy.CodeField, policy.CodeDecode, policy.CodeQuote}
	_, found := policy.Load(fstest.MapFS{"page.yaml": {Data: []byte(text)}})
	for _, f := range found {
		if slices.Contains(unreadable, f.Code) {
			wrong = append(wrong, f.String())
		}
	}
	return wrong
}

// mistakesInConfiguration says what check would say.
func mistakesInConfiguration(t *testing.T, text string) (wrong []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../configs/testdata")); err != nil {
		t.Fatal(err)
	}
	team := strings.Replace(document(t, "configs/testdata/hr.schema.json"), ":hr:2.0:User", ":team:2.0:Group", 1)
	if err := os.WriteFile(filepath.Join(dir, "team.schema.json"), []byte(team), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "page.yaml")
	for theirs, ours := range map[string]string{`file:[\w./-]+`: "env:SECRET", `[\w./-]+\.pem`: "tls/bridge.crt"} {
		text = regexp.MustCompile(theirs).ReplaceAllString(text, ours)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(path, func(name string) (string, bool) {
		if strings.HasSuffix(name, "URL") {
			return "https://example.com/secret", true
		}
		return "whsec_" + strings.Repeat("QUJD", 10), true
	})
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range cfg.Connectors {
		if err := builtin.Check(c); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	return wrong
}

// TestDocumentedLinks holds that what a page links to within the repository is there.
func TestDocumentedLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, path := range pagesOf(t) {
		for _, m := range link.FindAllStringSubmatch(document(t, path), -1) {
			to, part, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, ":") {
				continue // elsewhere
			}
			target := path
			if to != "" {
				target = filepath.Join(filepath.Dir(path), to)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			} else if part != "" && strings.HasSuffix(target, ".md") && !slices.Contains(headings(document(t, target)), part) {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	}
}

// headings are those of a page, as links name them.
func headings(page string) (all []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestCodes holds the pages about policy to the codes that there are.
func TestCodes(t *testing.T) {
	code := regexp.MustCompile(`[EW]-[A-Z]+[0-9]*(-[A-Z]+)*`)
	page := document(t, "docs/policy.md") + document(t, "docs/machine-identities.md")
	codes := code.FindAllString(document(t, "policy/finding.go"), -1)
	if len(codes) < 20 {
		t.Fatalf("found only %v", codes)
	}
	for _, c := range codes {
		if !strings.Contains(page, "`"+c+"`") {
			t.Errorf("neither docs/policy.md nor docs/machine-identities.md explains %s", c)
		}
	}
}

// TestBadDays holds the table of what targets do to the bridge to the tests that there
// are: each row names one, or a part of the connectors' contract.
func TestBadDays(t *testing.T) {
	_, table, _ := strings.Cut(document(t, "docs/connecting.md"), "| the target | the bridge | test |")
	names := map[string]bool{"the simulation": true}
	for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(allTests(t), -1) {
		names["`"+found[1]+"`"] = true
	}
	for _, found := range regexp.MustCompile(`= "(\w+)" `).FindAllStringSubmatch(document(t, "connectors/connectortest/connectortest.go"), -1) {
		names["`"+found[1]+"`"] = true
	}
	rows := regexp.MustCompile(`(?m)^\|(.*)\|(.*)\|(.*)\|$`).FindAllStringSubmatch(table, -1)
	if len(rows) < 12 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, row := range rows[1:] {
		cited := regexp.MustCompile("`\\w+`|the simulation").FindAllString(row[3], -1)
		if len(cited) == 0 {
			t.Errorf("a target that%s: no test is named", row[1])
		}
		for _, name := range cited {
			if !names[name] {
				t.Errorf("a target that%s: there is no test %s", row[1], name)
			}
		}
	}
}

// allTests is the text of all test files.
func allTests(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile("../../" + path)
			all.Write(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
