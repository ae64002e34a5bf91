package connectors_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"drawbridge/connectors"

	"github.com/google/go-cmp/cmp"
)

type offers []string

func (o offers) Entitlements(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, name := range o {
			if name == "!" {
				yield("", errors.New("broken"))
				return
			}
			if !yield(name, nil) {
				return
			}
		}
	}
}

func TestAbsent(t *testing.T) {
	for _, row := range []struct {
		name  string
		there offers
		names []string
		want  []connectors.Absence
	}{
		{"all there", offers{"Readers", "Editors"}, []string{"Readers"}, []connectors.Absence{}},
		{"another case", offers{"readers"}, []string{"Readers"}, []connectors.Absence{{Target: "Readers", Near: "readers"}}},
		{"a slip", offers{"Editors", "Readers", "Raiders"}, []string{"Reeders", "Nobody"}, []connectors.Absence{{Target: "Nobody"}, {Target: "Reeders", Near: "Readers"}}},
		{"the nearest, in whatever order", offers{"Reader", "Readers!", "Writers"}, []string{"Readers"}, []connectors.Absence{{Target: "Readers", Near: "Reader"}}},
		{"beyond ASCII", offers{"Köln"}, []string{"Koln"}, []connectors.Absence{{Target: "Koln", Near: "Köln"}}},
		{"nothing like it", offers{"a", "bb"}, []string{"Everybody"}, []connectors.Absence{{Target: "Everybody"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := connectors.Absent(t.Context(), row.there, slices.Clone(row.names))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := connectors.Absent(t.Context(), offers{"Readers", "!"}, []string{"x"}); err == nil {
		t.Error("of a listing that broke off something is concluded")
	}
}
