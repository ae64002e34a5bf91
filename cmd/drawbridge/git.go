package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drawbridge/access"
	"drawbridge/cmd/drawbridge/internal/git"
)

// gitFolder reads the documents of a folder as they are at a branch, tag or commit,
// without checking it out; and says which commit that is, and who wrote it. It reads what
// git stores and not what git would hand out: .gitattributes of a branch, which may leave
// files out of an archive or write into them, have no say in what is looked at of it.
func gitFolder(ctx context.Context, dir, ref string) (d *access.Draft, commit, author string, err error) {
	if strings.HasPrefix(ref, "-") {
		return nil, "", "", fmt.Errorf("%w: --ref names a branch, a tag or a commit, and not %q", errUsage, ref)
	}
	g, below := git.Repository{Dir: "."}, "./"+filepath.ToSlash(dir)
	if info, err := os.Stat(dir); err == nil && info.IsDir() { // or it may be there at that commit only
		g, below = git.Repository{Dir: dir}, "./"
	}
	fail := func(err error) (*access.Draft, string, string, error) {
		return nil, "", "", fmt.Errorf("policy: %s at %s: %w", dir, ref, err)
	}
	if commit, err = g.Line(ctx, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}"); err != nil {
		return fail(err)
	}
	files, err := g.Documents(ctx, commit+":"+below, git.MostBytes)
	if err != nil {
		return fail(err)
	}
	if d, err = access.DraftOf(files); err != nil {
		return nil, "", "", fmt.Errorf("%s at %s: %w", dir, ref, err)
	}
	if author, err = g.Line(ctx, "log", "-1", "--format=%ae", commit, "--"); err != nil {
		return fail(err)
	}
	d.Evidence = g.Evidence(ctx, commit, below)
	return d, commit, author, nil
}
