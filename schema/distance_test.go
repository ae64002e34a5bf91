package schema_test

import (
	"testing"

	"drawbridge/schema"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "wiki", 4},
		{"readers", "readers", 0},
		{"raeders", "readers", 2},
		{"readers", "reader", 1},
		{"kitten", "sitting", 3},
		{"Köln", "Koln", 1},
	} {
		for _, pair := range [][2]string{{row.a, row.b}, {row.b, row.a}} {
			if got := schema.Distance(pair[0], pair[1]); got != row.want {
				t.Errorf("%q is %d from %q, want %d", pair[0], got, pair[1], row.want)
			}
		}
	}
}
