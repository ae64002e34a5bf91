package policy

import (
	"encoding"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A decoder fills one document from its YAML nodes, by the json tags of the
// struct's fields: a field without omitempty or omitzero must be there, and the
// enum values of a jsonschema tag are all there are, as are the numbers between its
// minimum and maximum. It goes on after a mistake,
// so that all of them are found at once.
type decoder struct {
	place
	object string
	found  Findings
}

// report adds a finding at a node and returns it, for a hint.
func (d *decoder) report(code Code, n *yaml.Node, format string, args ...any) *reported {
	d.found = append(d.found, d.on(finding(code, d.object, format, args...), n))
	return (*reported)(&d.found[len(d.found)-1])
}

// reported is a finding that was added already and may yet be told a hint.
type reported Finding

func (r *reported) hint(format string, args ...any) { *r = reported(Finding(*r).hint(format, args...)) }

func (d *decoder) decode(n *yaml.Node, doc document) {
	d.refuseAliases(n)
	d.value(n, reflect.ValueOf(doc).Elem(), bounds{})
}

// refuseAliases reports whatever makes a file say something in a place where it
// does not stand.
func (d *decoder) refuseAliases(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		d.report(CodeAlias, n, "alias *%s", n.Value).hint("write out what it stands for")
		return
	case n.Anchor != "":
		d.report(CodeAlias, n, "anchor &%s", n.Anchor).hint("a policy says everything where it holds")
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Value == "<<" && c.Style == 0 {
			d.report(CodeAlias, c, "merge key <<").hint("write out the fields")
		}
		d.refuseAliases(c)
	}
}

// value decodes a node into v, within the bounds of its field.
func (d *decoder) value(n *yaml.Node, v reflect.Value, within bounds) {
	if n.Kind == yaml.AliasNode {
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.report(codeOfNull(v), n, "empty where %s is wanted", wanted(v.Type())).hint("write a value, or leave the field out")
		return
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.text(n, v, text, within)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), within)
	case reflect.Struct:
		d.structure(n, v)
	case reflect.Map:
		d.mapping(n, v)
	case reflect.Slice:
		d.sequence(n, v, within)
	case reflect.Interface:
		if free := d.free(n); free != nil {
			v.Set(reflect.ValueOf(free))
		}
	default:
		d.scalar(n, v, within)
	}
}

func codeOfNull(v reflect.Value) Code {
	if v.Kind() == reflect.String {
		return CodeQuote
	}
	return CodeDecode
}

// wanted says in words what a type takes.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "a time, as in 2026-11-23T09:00:00Z"
	case t == reflect.TypeFor[Duration]():
		return "a duration, as in 90d, 8h or 15m"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return wanted(t.Elem())
	default:
		return "a mapping"
	}
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, into encoding.TextUnmarshaler, within bounds) {
	if n.Kind != yaml.ScalarNode {
		d.report(CodeDecode, n, "%s is wanted", wanted(v.Type()))
		return
	}
	if err := into.UnmarshalText([]byte(n.Value)); err != nil {
		d.report(CodeDecode, n, "%q is not %s", n.Value, wanted(v.Type()))
		return
	}
	if within.some && v.IsZero() {
		d.report(CodeDecode, n, "%q is no time at all", n.Value).hint("write how long, or leave the field out")
	}
}

// structure decodes a mapping into a struct.
func (d *decoder) structure(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.report(CodeDecode, n, "a mapping is wanted")
		return
	}
	fields := fieldsOf(v.Type())
	for key, val := range d.pairs(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			names := make([]string, len(fields))
			for j, f := range fields {
				names[j] = f.name
			}
			r := d.report(CodeField, key, "unknown field %q", key.Value)
			if near := nearest(key.Value, names); near != "" {
				r.hint("did you mean %q?", near)
			}
			continue
		}
		d.value(val, v.FieldByIndex(fields[i].index), fields[i].bounds)
	}
	for _, f := range fields {
		val := child(n, f.name)
		if f.required && (val == nil || val.Kind == yaml.ScalarNode && val.Value == "" && val.ShortTag() == "!!str") {
			d.report(CodeDecode, n, "%q is missing", f.name).hint("write %s: %s", f.name, f.takes(v.Type()))
		}
	}
}

// takes says in words what a field of a struct takes.
func (f field) takes(in reflect.Type) string {
	t := in.FieldByIndex(f.index).Type
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		switch {
		case len(f.allowed) == 0:
			return wanted(t)
		case t.Kind() == reflect.Slice:
			return "a list of " + strings.Join(f.allowed, ", ")
		}
		return "one of " + strings.Join(f.allowed, ", ")
	}
	var needs []string
	for _, inner := range fieldsOf(t) {
		if inner.required {
			needs = append(needs, inner.name)
		}
	}
	if len(needs) == 0 {
		return wanted(t)
	}
	return "a mapping with " + strings.Join(needs, ", ")
}

// pairs yields the keys and values of a mapping, and reports a key that is there
// twice; the first one counts.
func (d *decoder) pairs(n *yaml.Node) func(func(key, val *yaml.Node) bool) {
	return func(yield func(key, val *yaml.Node) bool) {
		lines := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Value == "<<" && key.Style == 0 {
				continue // reported as a merge key
			}
			if first, twice := lines[key.Value]; twice {
				d.report(CodeDup, key, "key %q is already in line %d", key.Value, first)
				continue
			}
			lines[key.Value] = key.Line
			if !yield(key, n.Content[i+1]) {
				return
			}
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.report(CodeDecode, n, "a mapping is wanted")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for key, val := range d.pairs(n) {
		entry := reflect.New(v.Type().Elem()).Elem()
		d.value(val, entry, bounds{})
		v.SetMapIndex(reflect.ValueOf(key.Value), entry)
	}
}

// sequence decodes a list; an empty one is not nil, so that it can be told from
// none.
func (d *decoder) sequence(n *yaml.Node, v reflect.Value, within bounds) {
	if n.Kind != yaml.SequenceNode {
		d.report(CodeDecode, n, "a list is wanted").hint("put it in brackets")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(c, v.Index(i), within)
	}
}

// free decodes a node of no declared type: text, truth, whole number, time, day, list
// or mapping.
func (d *decoder) free(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		d.mapping(n, reflect.ValueOf(&m).Elem())
		return m
	case yaml.SequenceNode:
		s := []any{}
		d.sequence(n, reflect.ValueOf(&s).Elem(), bounds{})
		return s
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!bool":
			return n.Value == "true"
		case "!!int":
			if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil && plainInt(n.Value) {
				return i
			}
		case "!!timestamp":
			if t, err := time.Parse(time.RFC3339, n.Value); err == nil {
				return t
			}
			if _, err := time.Parse(time.DateOnly, n.Value); err == nil {
				return bareDay(n.Value)
			}
		}
		var s string
		d.scalar(n, reflect.ValueOf(&s).Elem(), bounds{})
		return s
	case yaml.DocumentNode, yaml.AliasNode, yaml.StreamNode:
	}
	return nil
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, within bounds) {
	if n.Kind != yaml.ScalarNode {
		d.report(CodeDecode, n, "%s is wanted", wanted(v.Type()))
		return
	}
	ok := false
	switch v.Kind() { //nolint:exhaustive // no document has fields of the other kinds
	case reflect.String:
		d.string(n, v, within.allowed)
		return
	case reflect.Bool:
		if ok = n.ShortTag() == "!!bool" && (n.Value == "true" || n.Value == "false"); ok {
			v.SetBool(n.Value == "true")
		}
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if ok = err == nil && n.ShortTag() == "!!int" && plainInt(n.Value); ok {
			v.SetInt(int64(i))
			d.number(n, float64(i), within)
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if ok = err == nil && (n.ShortTag() == "!!int" && plainInt(n.Value) || n.ShortTag() == "!!float"); ok {
			v.SetFloat(f)
			d.number(n, f, within)
		}
	}
	if !ok {
		d.report(CodeDecode, n, "%q is not %s", n.Value, wanted(v.Type()))
	}
}

// plainInt reports whether a number is written in the one way that every reader
// of YAML agrees on: 012 is ten to some.
func plainInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits == "0" || digits != "" && digits[0] != '0'
}

func (d *decoder) string(n *yaml.Node, v reflect.Value, allowed []string) {
	if tag := stringTag(n); tag != "!!str" {
		d.report(CodeQuote, n, "%q reads as %s", n.Value, tag).hint("quote it")
		v.SetString(n.Value) // what was meant, so that nothing else is said about it
		return
	}
	if len(allowed) > 0 && !slices.Contains(allowed, n.Value) {
		d.report(CodeDecode, n, "%q is not one of %s", n.Value, strings.Join(allowed, ", "))
		return
	}
	v.SetString(n.Value)
}

// stringTag returns how a scalar reads. Words that some readers of YAML take for
// a truth value count as one.
func stringTag(n *yaml.Node) string {
	quoted := yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&quoted == 0 {
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off", "y", "n":
			return "!!bool"
		}
	}
	return n.ShortTag()
}
