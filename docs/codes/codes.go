// Package codes is the page of each code that lint reports, for people at a
// terminal. The pages are Markdown, one a code, each with a document that has the
// mistake and one that has not.
package codes

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.md
var pages embed.FS

// Page returns the page of a code, E-OPEN for one; in any case. It reports whether
// there is one.
func Page(code string) (string, bool) {
	text, err := fs.ReadFile(pages, strings.ToUpper(code)+".md")
	return string(text), err == nil
}

// All returns the codes that have a page, sorted.
func All() []string {
	entries, err := fs.ReadDir(pages, ".")
	if err != nil {
		return nil
	}
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = strings.TrimSuffix(e.Name(), ".md")
	}
	return all
}
