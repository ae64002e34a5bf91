package configs

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	scim "github.com/elimity-com/scim/schema"

	wire "drawbridge/schema/scim"
)

// schemas reads the files of extensions. A file may be of users and of groups.
func (r *reader) schemas(f *file) {
	from := map[string]string{} // file by id
	f.Extensions = r.extensions("schemas", &f.Schemas, from)
	f.GroupExtensions = r.extensions("groupSchemas", &f.GroupSchemas, from)
	r.types(f)
}

// types reads the files of resource types.
func (r *reader) types(f *file) {
	if len(f.Types) == 0 {
		f.Types = nil
	}
	for i, name := range f.Types {
		key := fmt.Sprintf("types.%d", i)
		f.Types[i] = r.path(name)
		text, err := os.ReadFile(f.Types[i])
		if err != nil || name == "" {
			r.wrong(key, "is %q, a file that cannot be read", name)
			continue
		}
		c, err := wire.ParseCatalogue(text)
		for _, err := range each(err) {
			r.wrong(key, "is %s: %v", name, err)
		}
		if err != nil {
			continue
		}
		endpoint := strings.ToLower(c.Type.Endpoint)
		if slices.Contains(wire.OurEndpoints, endpoint) || slices.ContainsFunc(f.Catalogues, func(o wire.Catalogue) bool {
			return strings.EqualFold(o.Type.Endpoint, endpoint) || strings.EqualFold(o.Type.Name, c.Type.Name)
		}) {
			r.wrong(key, "is %s: %s is there already", name, c.Type.Endpoint)
			continue
		}
		f.Catalogues = append(f.Catalogues, c)
	}
}

// extensions reads the files of one kind. Each mistake in one is told by itself,
// with the file and the attribute it is in.
func (r *reader) extensions(list string, files *[]string, from map[string]string) (all []scim.Schema) {
	if len(*files) == 0 {
		*files = nil // an empty list says what no list says
	}
	for i, name := range *files {
		key := fmt.Sprintf("%s.%d", list, i)
		path := r.path(name)
		(*files)[i] = path
		text, err := os.ReadFile(path)
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
		for _, other := range all {
			if strings.EqualFold(other.ID, s.ID) {
				r.wrong(key, "is %s: id: %s is there already", name, s.ID)
			}
		}
		if other, ok := from[strings.ToLower(s.ID)]; ok && other != path {
			r.wrong(key, "is %s: id: %s is in another file too", name, s.ID)
		}
		from[strings.ToLower(s.ID)] = path
		all = append(all, s)
	}
	return all
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
