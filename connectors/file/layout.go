package file

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"drawbridge/connectors"
)

// A layout says how a table is written, and what its columns mean.
type layout struct {
	path  string
	fsync bool

	encoding  encoding
	delimiter rune
	crlf      bool
	guard     bool // cells that a spreadsheet would take for formulas begin with an apostrophe

	columns      map[string]string // the column of each SCIM path
	id           string            // the column of the id; empty: the user name is the id
	active       string            // the column that says so; empty: whoever is there is active
	on, off      string            // what it says
	entitlements string            // the column that lists them; empty: there are none
	separator    string            // between them
	fixed        map[string]string // what other columns of a new row say
	removes      bool              // disabling takes the row away
}

// tableDefaults has the value of every option of a table that may be left out and
// is not empty then.
var tableDefaults = map[string]string{
	"fsync":              "true",
	"encoding":           "utf-8",
	"delimiter":          ",",
	"lineEnd":            "crlf",
	"spreadsheet":        "false",
	"activeColumn":       "active",
	"activeValue":        "true",
	"inactiveValue":      "false",
	"entitlementsColumn": "entitlements",
	"separator":          ";",

	"column.userName":        "userName",
	"column.displayName":     "displayName",
	"column.name.givenName":  "givenName",
	"column.name.familyName": "familyName",
	"column.emails.value":    "email",
	"column.title":           "title",
	"column.department":      "department",
}

const (
	columnPrefix = "column."
	fixedPrefix  = "fixed."
)

// readLayout returns the layout that the options come to, or everything that is
// wrong with them.
func readLayout(c connectors.Config) (*layout, error) {
	known := slices.Concat([]string{"format", "path", "idColumn"}, slices.Sorted(maps.Keys(tableDefaults)))
	o := maps.Clone(tableDefaults)
	for name := range c.Options {
		if strings.HasPrefix(name, columnPrefix) || strings.HasPrefix(name, fixedPrefix) {
			known = append(known, name)
		}
	}
	errs := []error{c.Known(known...)}
	maps.Copy(o, c.Options)
	l := &layout{
		path: o["path"], id: o["idColumn"], active: o["activeColumn"], on: o["activeValue"], off: o["inactiveValue"],
		entitlements: o["entitlementsColumn"], separator: o["separator"],
		columns: map[string]string{}, fixed: map[string]string{},
		removes: c.Profile.Deactivate == connectors.DeactivateDelete,
	}
	for name, value := range o {
		if path, ok := strings.CutPrefix(name, columnPrefix); ok && value != "" {
			l.columns[path] = value
		}
		if column, ok := strings.CutPrefix(name, fixedPrefix); ok {
			l.fixed[column] = value
		}
	}
	errs = append(errs, l.letters(o), l.consistent(c.Profile.Match))
	return l, errors.Join(errs...)
}

// letters reads how the table is written.
func (l *layout) letters(o map[string]string) error {
	var errs []error
	wrong := func(name, want string) {
		errs = append(errs, fmt.Errorf("option %s is %q, want %s", name, o[name], want))
	}
	var ok bool
	if l.encoding, ok = encodings[strings.ToLower(o["encoding"])]; !ok {
		wrong("encoding", "one of "+strings.Join(slices.Sorted(maps.Keys(encodings)), ", "))
	}
	delimiter := o["delimiter"]
	if delimiter == "tab" {
		delimiter = "\t"
	}
	var size int
	if l.delimiter, size = utf8.DecodeRuneInString(delimiter); size == 0 || size != len(delimiter) || strings.ContainsRune("\"\r\n\uFFFD", l.delimiter) {
		wrong("delimiter", "one sign, or tab")
	}
	switch o["lineEnd"] {
	case "crlf":
		l.crlf = true
	case "lf":
	default:
		wrong("lineEnd", "crlf or lf")
	}
	for name, flag := range map[string]*bool{"fsync": &l.fsync, "spreadsheet": &l.guard} {
		var err error
		*flag, err = connectors.Config{Options: o}.Flag(name)
		errs = append(errs, err)
	}
	if l.separator == "" {
		wrong("separator", "what stands between entitlements, as in ;")
	}
	return errors.Join(errs...)
}

// consistent finds options that do not fit each other.
func (l *layout) consistent(match []string) error {
	var errs []error
	if l.path == "" {
		errs = append(errs, errors.New("option path is empty: name the file to write to"))
	}
	for _, path := range append([]string{"userName"}, match...) {
		if l.columns[path] == "" {
			errs = append(errs, fmt.Errorf("accounts are found by %s: say which column has it, as in column.%s: login", path, path))
		}
	}
	switch {
	case l.removes:
	case l.active == "":
		errs = append(errs, errors.New("option activeColumn is empty: then nobody can be disabled but by taking the row away, which a profile with deactivate: delete says"))
	case strings.EqualFold(l.on, l.off) || l.off == "":
		errs = append(errs, fmt.Errorf("options activeValue %q and inactiveValue %q are to differ, whatever their case", l.on, l.off))
	}
	why := map[string]string{}
	for _, use := range l.uses() {
		if other, twice := why[use.column]; twice {
			errs = append(errs, fmt.Errorf("options %s and %s both name the column %q", other, use.option, use.column))
		}
		why[use.column] = use.option
	}
	return errors.Join(errs...)
}

// A use is what an option says of a column.
type use struct{ option, column string }

// uses returns the columns that a table needs, in the order in which a new one has
// them.
func (l *layout) uses() []use {
	all := []use{{"idColumn", l.id}}
	// In the order of the defaults a person would write, and then by name.
	order := []string{"userName", "displayName", "name.givenName", "name.familyName", "emails.value", "title", "department"}
	for _, path := range slices.Sorted(maps.Keys(l.columns)) {
		if !slices.Contains(order, path) {
			order = append(order, path)
		}
	}
	for _, path := range order {
		all = append(all, use{columnPrefix + path, l.columns[path]})
	}
	all = append(all, use{"activeColumn", l.active}, use{"entitlementsColumn", l.entitlements})
	for _, column := range slices.Sorted(maps.Keys(l.fixed)) {
		all = append(all, use{fixedPrefix + column, column})
	}
	return slices.DeleteFunc(all, func(u use) bool { return u.column == "" })
}
