package access

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
)

// A spool keeps more than is to be held in memory, in the order in which it was added,
// for as long as somebody works at it. It is a file that has no name any more, where
// the system lets it go without, so that it ends with the process.
type spool[T any] struct {
	file *os.File
	name string // empty: it has none any more
	out  *bufio.Writer
	in   *json.Encoder
}

func newSpool[T any]() (*spool[T], error) {
	file, err := os.CreateTemp("", "drawbridge-*")
	if err != nil {
		return nil, fmt.Errorf("a file for what is read meanwhile: %w", err)
	}
	s := &spool[T]{file: file, out: bufio.NewWriter(file)}
	if os.Remove(file.Name()) != nil {
		s.name = file.Name()
	}
	s.in = json.NewEncoder(s.out)
	return s, nil
}

func (s *spool[T]) add(one T) error { return s.in.Encode(one) }

// all walks what was added so far. Nothing is added meanwhile.
func (s *spool[T]) all() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := s.out.Flush(); err != nil {
			yield(none, err)
			return
		}
		from := json.NewDecoder(bufio.NewReader(io.NewSectionReader(s.file, 0, 1<<62)))
		for {
			var one T
			err := from.Decode(&one)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(one, err) || err != nil {
				return
			}
		}
	}
}

func (s *spool[T]) close() error {
	err := s.file.Close()
	if s.name != "" {
		err = errors.Join(err, os.Remove(s.name))
	}
	return err
}
