package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
)

// mostGitBytes bounds what is read of a policy folder of another commit.
const mostGitBytes = 64 << 20

// gitFolder reads the documents of a folder as they are at a branch, tag or commit,
// without checking it out; and says which commit that is, and who wrote it.
func gitFolder(ctx context.Context, dir, ref string) (d *access.Draft, commit, author string, err error) {
	if strings.HasPrefix(ref, "-") {
		return nil, "", "", fmt.Errorf("%w: --ref names a branch, a tag or a commit, and not %q", errUsage, ref)
	}
	at, tree := dir, ref
	if info, err := os.Stat(dir); err != nil || !info.IsDir() { // it may be there at that commit only
		at, tree = ".", ref+":./"+filepath.ToSlash(dir)
	}
	var packed, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", "-C", at, "archive", "--format=tar", tree)
	cmd.Stdout, cmd.Stderr = &packed, &complaint
	if err := cmd.Run(); err != nil {
		why := strings.TrimSpace(complaint.String())
		if errors.Is(err, exec.ErrNotFound) {
			why = "git is not installed here"
		}
		return nil, "", "", fmt.Errorf("policy: %s at %s: %s: %w", dir, ref, why, schema.ErrInvalid)
	}
	files, err := untar(&packed)
	if err != nil {
		return nil, "", "", fmt.Errorf("policy: %s at %s: %w", dir, ref, err)
	}
	if d, err = access.DraftOf(files); err != nil {
		return nil, "", "", fmt.Errorf("%s at %s: %w", dir, ref, err)
	}
	if out, err := exec.CommandContext(ctx, "git", "-C", at, "log", "-1", "--format=%H %ae", ref, "--").Output(); err == nil {
		commit, author, _ = strings.Cut(strings.TrimSpace(string(out)), " ")
	}
	return d, commit, author, nil
}

// untar returns the texts of the documents in an archive, by path.
func untar(packed io.Reader) (map[string]string, error) {
	files, size := map[string]string{}, int64(0)
	for archive := tar.NewReader(packed); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if ext := path.Ext(h.Name); h.Typeflag != tar.TypeReg || ext != ".yaml" && ext != ".yml" {
			continue
		}
		if size += h.Size; size > mostGitBytes {
			return nil, fmt.Errorf("its documents are larger than %d bytes: %w", mostGitBytes, schema.ErrInvalid)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[h.Name] = string(text)
	}
}

// committed says which commit a folder is of, and who wrote it, as far as git tells; the
// name of a commit ends in + where the folder was changed since. What git does not
// know is left out: a policy is known by its digest.
func committed(ctx context.Context, dir string) (commit, author string) {
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
