package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"drawbridge/access"
	"drawbridge/schema"
)

// mostGitBytes bounds what is read of a policy folder of another commit.
const mostGitBytes = 64 << 20

// gitFolder reads the documents of a folder as they are at a branch, tag or commit,
// without checking it out; and says which commit that is, and who wrote it. It reads what
// git stores and not what git would hand out: .gitattributes of a branch, which may leave
// files out of an archive or write into them, have no say in what is looked at of it.
func gitFolder(ctx context.Context, dir, ref string) (d *access.Draft, commit, author string, err error) {
	if strings.HasPrefix(ref, "-") {
		return nil, "", "", fmt.Errorf("%w: --ref names a branch, a tag or a commit, and not %q", errUsage, ref)
	}
	g, below := repository{"."}, "./"+filepath.ToSlash(dir)
	if info, err := os.Stat(dir); err == nil && info.IsDir() { // or it may be there at that commit only
		g, below = repository{dir}, "./"
	}
	fail := func(err error) (*access.Draft, string, string, error) {
		return nil, "", "", fmt.Errorf("policy: %s at %s: %w", dir, ref, err)
	}
	if commit, err = g.line(ctx, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}"); err != nil {
		return fail(err)
	}
	files, err := g.documents(ctx, commit+":"+below, mostGitBytes)
	if err != nil {
		return fail(err)
	}
	if d, err = access.DraftOf(files); err != nil {
		return nil, "", "", fmt.Errorf("%s at %s: %w", dir, ref, err)
	}
	if author, err = g.line(ctx, "log", "-1", "--format=%ae", commit, "--"); err != nil {
		return fail(err)
	}
	return d, commit, author, nil
}

// A repository is a folder in which git is run.
type repository struct{ dir string }

// line returns what git says, which is short.
func (g repository) line(ctx context.Context, args ...string) (text string, err error) {
	err = g.run(ctx, nil, func(out *bufio.Reader) error {
		said, err := io.ReadAll(out)
		text = strings.TrimSpace(string(said))
		return err
	}, args...)
	return text, err
}

// run runs git, and reads what it writes as it writes it. Where that goes wrong, git is
// ended.
func (g repository) run(ctx context.Context, in io.Reader, read func(*bufio.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", g.dir}, args...)...)
	cmd.Stdin, cmd.Stderr = in, &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("git is not installed here: %w", schema.ErrInvalid)
	} else if err != nil {
		return err
	}
	unread := read(bufio.NewReader(out))
	if unread != nil {
		cancel()
	}
	err = cmd.Wait()
	if why := strings.TrimSpace(complaint.String()); err != nil && why != "" {
		return fmt.Errorf("%s: %w", why, schema.ErrInvalid)
	}
	return errors.Join(unread, err)
}

// A blob is a file that git stores.
type blob struct{ name, object string }

// documents returns the texts of the documents below a tree, by path, as far as they are
// not larger than most bytes together.
func (g repository) documents(ctx context.Context, tree string, most int64) (map[string]string, error) {
	blobs, err := g.blobs(ctx, tree, most)
	if err != nil || len(blobs) == 0 {
		return nil, err
	}
	var objects strings.Builder
	for _, b := range blobs {
		objects.WriteString(b.object + "\n")
	}
	files := make(map[string]string, len(blobs))
	err = g.run(ctx, strings.NewReader(objects.String()), func(out *bufio.Reader) error {
		for _, b := range blobs {
			text, err := readBlob(out, most)
			if err != nil {
				return fmt.Errorf("%s: %w", b.name, err)
			}
			files[b.name] = text
			most -= int64(len(text))
		}
		return nil
	}, "cat-file", "--batch")
	return files, err
}

// blobs lists the documents below a tree.
func (g repository) blobs(ctx context.Context, tree string, most int64) (blobs []blob, err error) {
	err = g.run(ctx, nil, func(out *bufio.Reader) error {
		for {
			entry, err := out.ReadString(0)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if most -= int64(len(entry)); most < 0 {
				return tooLarge()
			}
			head, name, _ := strings.Cut(strings.TrimSuffix(entry, "\x00"), "\t")
			of := strings.Fields(head) // mode, type, object
			ext := path.Ext(name)
			switch {
			case len(of) != 3:
				return fmt.Errorf("git lists %q, which cannot be understood: %w", entry, schema.ErrInvalid)
			case of[1] == "commit":
				return fmt.Errorf("%s is a submodule, and what is in it is not of this commit: take it out of the policy folder: %w", name, schema.ErrInvalid)
			case ext != ".yaml" && ext != ".yml":
			case of[0] == "120000":
				return fmt.Errorf("%s is a symbolic link, and not a document: commit the file itself: %w", name, schema.ErrInvalid)
			default:
				blobs = append(blobs, blob{name, of[2]})
			}
		}
	}, "ls-tree", "--full-tree", "-r", "-z", tree)
	return blobs, err
}

// readBlob reads the next of what git cat-file --batch writes: the object, its type and
// its size, then its bytes and a line's end.
func readBlob(out *bufio.Reader, most int64) (string, error) {
	line, err := out.ReadString('\n')
	if err != nil {
		return "", err
	}
	of := strings.Fields(line)
	if len(of) != 3 || of[1] != "blob" {
		return "", fmt.Errorf("git cannot read it: %s: %w", strings.TrimSpace(line), schema.ErrInvalid)
	}
	size, err := strconv.ParseInt(of[2], 10, 64)
	if err != nil {
		return "", err
	}
	if size > most {
		return "", tooLarge()
	}
	text := make([]byte, size+1)
	_, err = io.ReadFull(out, text)
	return string(text[:size]), err
}

func tooLarge() error {
	return fmt.Errorf("the documents are larger than %d bytes: %w", mostGitBytes, schema.ErrInvalid)
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
