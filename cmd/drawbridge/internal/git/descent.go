package git

import (
	"bufio"
	"context"
	"io"
	"slices"

	"drawbridge/policy/signed"
)

// mostWalked bounds how many commits are looked at on the way to another one.
const mostWalked = 100_000

// A step is a commit on the way, and the one from which it was come to.
type step struct {
	raw  []byte
	from *step
}

// between returns the commits by which one comes after another, newest first, on the shortest
// way; none where there is no way, as in a clone that has only the newest commits. What a
// shallow clone, or a replacement, makes git say of a commit's parents has no say.
func (g Repository) between(ctx context.Context, commit []byte, after string) (way [][]byte) {
	names, ask := io.Pipe()
	defer func() { _ = names.Close() }()
	err := g.run(ctx, names, func(out *bufio.Reader) error {
		defer func() { _ = ask.Close() }()
		met := map[string]bool{}
		before := signed.Before(commit) // of those on the way, what anybody wrote into a message has no say
		for queue := []*step{{raw: commit}}; len(queue) > 0; queue = queue[1:] {
			here := queue[0]
			if here.from != nil {
				before = signed.Parents(here.raw)
			}
			if slices.Contains(before, after) {
				for ; here.from != nil; here = here.from {
					way = append(way, here.raw)
				}
				return nil
			}
			for _, id := range before {
				if met[id] || len(met) == mostWalked {
					continue
				}
				met[id] = true
				raw, err := commitNamed(ask, out, id)
				if err != nil {
					return err
				}
				if raw != nil {
					queue = append(queue, &step{raw, here})
				}
			}
		}
		return nil
	}, "cat-file", "--batch")
	if err != nil || len(way) > signed.MostBetween { // so many are refused, and what to do is said where there are none, too
		return nil
	}
	slices.Reverse(way)
	return way
}

// commitNamed reads one commit from git cat-file --batch; nothing where there is none of
// that name. What somebody says that theirs follows may be anything.
func commitNamed(ask io.Writer, out *bufio.Reader, id string) ([]byte, error) {
	if _, err := io.WriteString(ask, id+"\n"); err != nil {
		return nil, err
	}
	o, err := readHead(out)
	switch {
	case err != nil || o.kind == "":
		return nil, err
	case o.kind != "commit" || o.id != id || o.size > MostBytes:
		_, err := io.CopyN(io.Discard, out, o.size+1)
		return nil, err
	}
	return o.body(out)
}
