package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// objectOf makes an object of values that a Test writes out, and says which of
// them cannot be.
func objectOf(s *shape, values map[string]any) (*object, []string, error) {
	o := s.new()
	var unknown []string
	var wrong error
	for name, v := range values {
		i, ok := s.index[name]
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		val, err := valueOf(s.fields[i], v)
		if err != nil {
			wrong = fmt.Errorf("%s: %w", name, err)
			continue
		}
		o.slots[i] = val
	}
	slices.Sort(unknown)
	return o, unknown, wrong
}

func valueOf(f slot, v any) (ref.Val, error) {
	if inner, ok := v.(map[string]any); ok && f.nested != nil {
		o, unknown, err := objectOf(f.nested, inner)
		if len(unknown) > 0 {
			err = fmt.Errorf("no such attribute: %s", strings.Join(unknown, ", "))
		}
		return o, err
	}
	var val ref.Val
	switch v := v.(type) {
	case string:
		val = types.String(v)
		if at, err := time.Parse(time.RFC3339, v); err == nil && f.typ.Kind() == types.TimestampKind { // in quotes, as some tools write it
			val = types.Timestamp{Time: at}
		}
	case bool:
		val = types.Bool(v)
	case int64:
		val = types.Int(v)
	case time.Time:
		val = types.Timestamp{Time: v}
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			if s, ok := item.(string); ok {
				list = append(list, s)
			}
		}
		val = newTexts(list)
	}
	if val == nil || f.nested != nil || kindOf(val) != f.typ.Kind() {
		return nil, fmt.Errorf("%v is not a %s", v, f.typ)
	}
	return val, nil
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
