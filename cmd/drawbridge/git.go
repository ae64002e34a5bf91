package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/git"
	"drawbridge/policy/signed"
)

// A committed is a folder of documents, and what git knows of it.
type committed struct {
	Draft          *access.Draft
	commit, author string

	git        git.Repository
	ref, below string
}

// evidence is what it takes to tell who signed the documents, and that their commit comes
// after another one.
func (c committed) evidence(ctx context.Context, after string) *signed.Objects {
	return c.git.Evidence(ctx, c.ref, c.below, after)
}

// gitFolder reads the documents of a folder as they are at a branch, tag or commit,
// without checking it out; and says which commit that is, and who wrote it. It reads what
// git stores and not what git would hand out: .gitattributes of a branch, which may leave
// files out of an archive or write into them, have no say in what is looked at of it.
func gitFolder(ctx context.Context, dir, ref string) (to committed, err error) {
	if strings.HasPrefix(ref, "-") {
		return to, fmt.Errorf("%w: --ref names a branch, a tag or a commit, and not %q", errUsage, ref)
	}
	g, below := git.Repository{Dir: "."}, "./"+filepath.ToSlash(dir)
	if info, err := os.Stat(dir); err == nil && info.IsDir() { // or it may be there at that commit only
		g, below = git.Repository{Dir: dir}, "./"
	}
	fail := func(err error) (committed, error) {
		return to, fmt.Errorf("policy: %s at %s: %w", dir, ref, err)
	}
	commit, err := g.Line(ctx, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return fail(err)
	}
	to = committed{commit: commit, git: g, ref: commit, below: below}
	files, err := g.Documents(ctx, commit+":"+below, git.MostBytes)
	if err != nil {
		return fail(err)
	}
	if to.Draft, err = access.DraftOf(files); err != nil {
		return to, fmt.Errorf("%s at %s: %w", dir, ref, err)
	}
	if to.author, err = g.Line(ctx, "log", "-1", "--format=%ae", commit, "--"); err != nil {
		return fail(err)
	}
	return to, nil
}
