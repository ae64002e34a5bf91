package configs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	wire "drawbridge/schema/scim"
)

// schemas reads the files of extensions. Each mistake in one is told by itself,
// with the file and the attribute it is in.
func (r *reader) schemas(f *file) {
	if len(f.Schemas) == 0 {
		f.Schemas = nil // an empty list says what no list says
	}
	for i, name := range f.Schemas {
		key := fmt.Sprintf("schemas.%d", i)
		f.Schemas[i] = r.path(name)
		text, err := os.ReadFile(f.Schemas[i])
		if err != nil || name == "" {
			r.wrong(key, "is %q, a file that cannot be read", name)
			continue
		}
		s, err := wire.ParseSchema(text)
		for _, err := range each(err) {
			r.wrong(key, "is %s: %v", name, err)
		}
		if err != nil {
			continue
		}
		for _, other := range f.Extensions {
			if strings.EqualFold(other.ID, s.ID) {
				r.wrong(key, "is %s: id: %s is in another file too", name, s.ID)
			}
		}
		f.Extensions = append(f.Extensions, s)
	}
}

// each returns the errors that one stands for.
func each(err error) []error {
	var many interface{ Unwrap() []error }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &many):
		return many.Unwrap()
	}
	return []error{err}
}
