package policy

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// A field is one field of a document as its tags describe it.
type field struct {
	name     string
	index    []int
	required bool
	bounds
}

// bounds are what a field may be: the values of an enum, numbers from and to; of a
// duration, whether it must be some.
type bounds struct {
	allowed     []string
	least, most *float64
	above       bool // more than the least
	some        bool
}

// String says in words between which numbers.
func (b bounds) String() string {
	from := "at least"
	if b.above {
		from = "more than"
	}
	switch {
	case b.most == nil && b.least != nil:
		return fmt.Sprintf("it is %s %g", from, *b.least)
	case b.least != nil:
		return fmt.Sprintf("it is %s %g, and at most %g", from, *b.least, *b.most)
	}
	return "it is a number"
}

// boundsOf reads a field's tags: jsonschema, and some:"" of a duration that is some.
func boundsOf(tag reflect.StructTag) (b bounds) {
	_, b.some = tag.Lookup("some")
	for part := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
		key, value, _ := strings.Cut(part, "=")
		number, err := strconv.ParseFloat(value, 64)
		switch key {
		case "enum":
			b.allowed = append(b.allowed, value)
		case "minimum", "exclusiveMinimum":
			b.least, b.above = &number, key == "exclusiveMinimum"
		case "maximum":
			b.most = &number
		default:
			continue
		}
		if err != nil && key != "enum" {
			b.least, b.most = nil, nil
		}
	}
	return b
}

// known are the fields of the types that were read before.
var known sync.Map

func fieldsOf(t reflect.Type) []field {
	if all, ok := known.Load(t); ok {
		if fields, ok := all.([]field); ok {
			return fields
		}
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || !f.IsExported() || name == "" {
			continue
		}
		fields = append(fields, field{name: name, index: f.Index, required: options == "", bounds: boundsOf(f.Tag)})
	}
	known.Store(t, fields)
	return fields
}

// number reports a number that is out of its field's bounds. None is written for what is
// not limited: a limit of nothing would read as one, and hold nobody.
func (d *decoder) number(n *yaml.Node, f float64, within bounds) {
	switch low, high := within.least, within.most; {
	case low != nil && (f < *low || within.above && f <= *low) || math.IsNaN(f):
		d.report(CodeDecode, n, "%s is too little: %s", n.Value, within).hint("leave the field out where there is no limit")
	case high != nil && f > *high:
		d.report(CodeDecode, n, "%s is too much: %s", n.Value, within)
	}
}
