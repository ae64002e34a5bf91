package main

import (
	"context"
	"os/exec"
	"strings"
)

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
