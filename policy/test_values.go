package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// A bareDay is a day that a Test writes out of quotes, as 2026-11-30: no text, and no moment
// before it is known where that day is.
type bareDay string

// objectOf makes an object of values that a Test writes out, and says which of
// them cannot be. Days, and times that say no zone, are in the one given.
func objectOf(s *shape, values map[string]any, zone *time.Location) (o *object, unknown []string, wrong error) {
	o = s.new()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		i, ok := s.index[name]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		val, err := valueOf(s.fields[i], values[name], zone)
		switch {
		case err == nil:
			o.slots[i] = val
		case wrong == nil:
			wrong = fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, unknown, wrong
}

func valueOf(f slot, v any, zone *time.Location) (ref.Val, error) {
	if inner, ok := v.(map[string]any); ok && f.nested != nil {
		o, unknown, err := objectOf(f.nested, inner, zone)
		if len(unknown) > 0 {
			err = fmt.Errorf("no such attribute: %s", strings.Join(unknown, ", "))
		}
		return o, err
	}
	var val ref.Val
	switch v := v.(type) {
	case string:
		val = types.String(v)
		if at, ok := f.moment(v, zone); ok {
			val = at
		}
	case bareDay:
		at, ok := f.moment(string(v), zone)
		if !ok {
			return nil, fmt.Errorf("%s reads as a day: quote it", v)
		}
		val = at
	case bool:
		val = types.Bool(v)
	case int64:
		val = types.Int(v)
	case time.Time:
		val = types.Timestamp{Time: v}
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not a %s", item, types.StringType)
			}
			list = append(list, s)
		}
		val = newTexts(list)
	}
	if val == nil || f.nested != nil || kindOf(val) != f.typ.Kind() {
		if f.typ.Kind() == types.TimestampKind {
			return nil, fmt.Errorf("%v is not a time: write one as in 2026-11-30T17:00:00Z, or a day as in 2026-11-30", v)
		}
		return nil, fmt.Errorf("%v is not a %s", v, f.typ)
	}
	return val, nil
}

// moment reads what a Test writes of a time as it would be read of a source in the zone.
func (f slot) moment(s string, zone *time.Location) (ref.Val, bool) {
	if f.typ.Kind() != types.TimestampKind {
		return nil, false
	}
	at, ok := finder{zone: zone, last: f.name == lastDay}.moment(s)
	return types.Timestamp{Time: at}, ok
}

func kindOf(v ref.Val) types.Kind {
	switch v.(type) {
	case types.String:
		return types.StringKind
	case types.Bool:
		return types.BoolKind
	case types.Int:
		return types.IntKind
	case types.Timestamp:
		return types.TimestampKind
	}
	return types.ListKind
}
