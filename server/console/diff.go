package console

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// A fileDiff is what a policy changes in one document: lines that come and go, with some
// that stay around them.
type fileDiff struct {
	Name        string
	Comes, Goes int // lines
	Lines       []diffLine
	Beyond      int // lines that are not shown
}

// A diffLine is one line of a fileDiff.
type diffLine struct {
	Text                 string
	Comes, Goes, Skipped bool // skipped: it tells of lines in between
}

// mostDiffLines is how many lines of one document are shown.
const mostDiffLines = 1000

// differences compares the documents of two policies, by file.
func differences(was, is map[string]string) (files []fileDiff) {
	all := maps.Clone(was)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if was[name] != is[name] {
			files = append(files, difference(name, was[name], is[name]))
		}
	}
	return files
}

func difference(name, was, is string) fileDiff {
	f := fileDiff{Name: name}
	const header = 3 // lines that name the files
	lines := strings.Split(strings.TrimSuffix(string(diff.Diff("was", []byte(was), "is", []byte(is))), "\n"), "\n")
	for _, text := range lines[min(header, len(lines)):] {
		mark := text[:min(1, len(text))]
		l := diffLine{Text: text[len(mark):], Comes: mark == "+", Goes: mark == "-", Skipped: mark == "@"}
		switch {
		case l.Skipped:
			l.Text = text
		case l.Comes:
			f.Comes++
		case l.Goes:
			f.Goes++
		}
		if len(f.Lines) == mostDiffLines {
			f.Beyond++
			continue
		}
		f.Lines = append(f.Lines, l)
	}
	return f
}

// changes finds what a publication changes in the documents of the policy that is in
// force, or was when it was published. Of one that came to nothing they are not kept.
func (v *visit) changes(p publicationView) ([]fileDiff, error) {
	var is map[string]string
	if p.From == "" {
		return nil, nil // the first one changes nothing
	}
	if p.Saved != nil {
		is = p.Saved.Files
	}
	if p.State == "published" {
		var err error
		if is, err = v.documents(p.Digest); err != nil {
			return nil, err
		}
	}
	if len(is) == 0 {
		return nil, nil
	}
	was, err := v.documents(p.From)
	if err != nil {
		return nil, err
	}
	return differences(was, is), nil
}

// documents are those of a version; none of one that is not known.
func (v *visit) documents(digest string) (map[string]string, error) {
	if digest == "" {
		return nil, nil
	}
	var of versionPage
	err := v.get(v.ctx, "/policy/versions/"+seg(digest), &of)
	if p := (*problem)(nil); errors.As(err, &p) && p.Status == http.StatusNotFound {
		return nil, nil
	}
	return of.Files, err
}
