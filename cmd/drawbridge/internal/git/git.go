// Package git reads what git stores of a folder: documents at a commit, which commit a
// folder is of, and what it takes to tell who signed that. It looks at what is stored and
// not at what git would hand out: what a branch or a repository configures has no say.
package git

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
	"strconv"
	"strings"

	"drawbridge/schema"
)

// MostBytes bounds what is read of a folder at another commit.
const MostBytes = 64 << 20

// A Repository is a folder in which git is run.
type Repository struct{ Dir string }

// Line returns what git says, which is short.
func (g Repository) Line(ctx context.Context, args ...string) (text string, err error) {
	err = g.run(ctx, nil, func(out *bufio.Reader) error {
		said, err := io.ReadAll(out)
		text = strings.TrimSpace(string(said))
		return err
	}, args...)
	return text, err
}

// run runs git, and reads what it writes as it writes it. Where that goes wrong, git is
// ended.
func (g Repository) run(ctx context.Context, in io.Reader, read func(*bufio.Reader) error, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", g.Dir}, args...)...)
	cmd.Stdin, cmd.Stderr = in, &complaint
	cmd.Env = append(os.Environ(), "GIT_NO_LAZY_FETCH=1", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0")
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

// Documents returns the texts of the documents below a tree, by path, as far as they are
// not larger than most bytes together.
func (g Repository) Documents(ctx context.Context, tree string, most int64) (map[string]string, error) {
	blobs, err := g.blobs(ctx, tree, most)
	if err != nil || len(blobs) == 0 {
		return nil, err
	}
	names := make([]string, len(blobs))
	for i, b := range blobs {
		names[i] = b.object
	}
	files := make(map[string]string, len(blobs))
	err = g.objects(ctx, "blob", names, most, func(i int, body []byte) { files[blobs[i].name] = string(body) })
	return files, err
}

// objects reads objects of a kind, as far as they are not larger than most bytes together.
func (g Repository) objects(ctx context.Context, kind string, names []string, most int64, read func(i int, body []byte)) error {
	return g.run(ctx, strings.NewReader(strings.Join(names, "\n")+"\n"), func(out *bufio.Reader) error {
		for i, name := range names {
			body, err := readObject(out, kind, most)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			read(i, body)
			most -= int64(len(body))
		}
		return nil
	}, "cat-file", "--batch")
}

// blobs lists the documents below a tree.
func (g Repository) blobs(ctx context.Context, tree string, most int64) (blobs []blob, err error) {
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

// readObject reads the next of what git cat-file --batch writes: the object, its type and
// its size, then its bytes and a line's end.
func readObject(out *bufio.Reader, kind string, most int64) ([]byte, error) {
	o, err := readHead(out)
	switch {
	case err != nil:
		return nil, err
	case o.kind != kind:
		return nil, fmt.Errorf("git cannot read it: %s: %w", o.line, schema.ErrInvalid)
	case o.size > most:
		return nil, tooLarge()
	}
	return o.body(out)
}

// A head is what git cat-file says of an object before the object itself.
type head struct {
	line     string
	id, kind string // empty where there is no object, but a complaint
	size     int64
}

func readHead(out *bufio.Reader) (h head, err error) {
	if h.line, err = out.ReadString('\n'); err != nil {
		return h, err
	}
	h.line = strings.TrimSpace(h.line)
	if of := strings.Fields(h.line); len(of) == 3 {
		h.id, h.kind = of[0], of[1]
		h.size, err = strconv.ParseInt(of[2], 10, 64)
	}
	return h, err
}

// body reads the object, and the line's end behind it.
func (h head) body(out *bufio.Reader) ([]byte, error) {
	body := make([]byte, h.size+1)
	_, err := io.ReadFull(out, body)
	return body[:h.size], err
}

func tooLarge() error {
	return fmt.Errorf("the documents are larger than %d bytes: %w", MostBytes, schema.ErrInvalid)
}
