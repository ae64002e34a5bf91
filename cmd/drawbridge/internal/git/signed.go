package git

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"

	"drawbridge/policy/signed"
)

// Committed says which commit a folder is of, and who wrote it, as far as git tells; the
// name of a commit ends in + where the folder was changed since. What git does not
// know is left out: a policy is known by its digest.
func Committed(ctx context.Context, dir string) (commit, author string) {
	git := func(args ...string) (string, bool) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...).Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	text, ok := git("log", "-1", "--format=%H %ae", "--", ".")
	if commit, author, _ = strings.Cut(text, " "); !ok || commit == "" {
		return "", ""
	}
	if changed, ok := git("status", "--porcelain", "--", "."); ok && changed != "" {
		commit += "+"
	}
	return commit, author
}

// Evidence returns what it takes to tell who signed the documents below a folder, as they
// are at a commit, and that this comes after another commit, if one is named: the commit
// itself if it is signed, or the last one that changed them. There is none where git knows of
// no such commit. Only what git stores is looked at, by commands for which a repository
// cannot configure a program to be run.
func (g Repository) Evidence(ctx context.Context, commit, below, after string) *signed.Objects {
	prefix, err := g.Line(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return nil
	}
	tries := []string{commit}
	if last, err := g.Line(ctx, "rev-list", "-1", commit, "--", below); err == nil && last != "" {
		tries = append(tries, last)
	}
	folder := path.Join(prefix, below)
	if folder == "." {
		folder = ""
	}
	var first *signed.Objects
	for _, id := range tries {
		e, err := g.evidence(ctx, id, folder)
		if err != nil {
			return nil
		}
		if isSigned(e.Commit) {
			first = e
			break
		}
		first = cmp.Or(first, e)
	}
	if first != nil && after != "" {
		first.Between = g.between(ctx, first.Commit, after)
	}
	return first
}

func isSigned(commit []byte) bool { return bytes.Contains(commit, []byte("\ngpgsig")) }

// evidence is Evidence of one commit, and of none that it comes after.
func (g Repository) evidence(ctx context.Context, commit, folder string) (*signed.Objects, error) {
	e := &signed.Objects{Folder: folder}
	err := g.objects(ctx, "commit", []string{commit}, MostBytes, func(_ int, body []byte) { e.Commit = body })
	if err != nil {
		return nil, err
	}
	trees := []string{commit + "^{tree}"}
	for i := range folder {
		if folder[i] == '/' {
			trees = append(trees, commit+":"+folder[:i])
		}
	}
	if folder != "" {
		trees = append(trees, commit+":"+folder)
	}
	err = g.run(ctx, nil, func(out *bufio.Reader) error {
		for {
			entry, err := out.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			head, _, _ := strings.Cut(entry, "\t")
			if of := strings.Fields(head); len(of) == 3 && of[1] == "tree" {
				trees = append(trees, of[2])
			}
			if len(trees) > mostTrees {
				return fmt.Errorf("of more than %d folders: %w", mostTrees, errors.ErrUnsupported)
			}
		}
	}, "ls-tree", "--full-tree", "-r", "-d", "-z", commit+":"+folder)
	if err != nil {
		return nil, err
	}
	e.Trees = make([][]byte, len(trees))
	return e, g.objects(ctx, "tree", trees, MostBytes, func(i int, body []byte) { e.Trees[i] = body })
}

// mostTrees bounds what is sent of a commit.
const mostTrees = 10_000
