package evidence

import (
	"slices"
	"strings"
	"testing"
)

// rows are what auditors ask of each framework: each is a control, covered by one, or
// said not to be covered.
var rows = map[string]string{
	"soc2":     "CC6.1 CC6.2 CC6.3 CC7.2 CC8.1",
	"iso27001": "A.5.15 A.5.16 A.5.17 A.5.18 A.5.3 A.8.2 A.8.3 A.8.15 A.8.32",
	"pci":      "7.2.1 7.2.2 7.2.3 7.2.4 7.2.5 7.2.5.1 8.2.2 8.2.4 8.2.5 8.2.6 8.2.7 8.6.1 8.6.2 8.6.3",
	"800-53": "AC-2 AC-2(1) AC-2(2) AC-2(3) AC-2(4) AC-2(5) AC-2(6) AC-2(7) AC-2(8) AC-2(9) AC-2(11) AC-2(12) AC-2(13) AC-3 AC-5 " +
		"AC-6(1) AC-6(2) AC-6(5) AC-6(7) AC-6(9) AU-2 AU-3 AU-6 AU-9 AU-10 AU-11 AU-12 CM-3 CM-5 SA-10 IA-4 IA-5(1) IA-5(2) IA-5(5) IA-5(6) IA-5(7) IA-5(8) PS-4 PS-5 PS-7",
	"csf2":   "PR.AA-05 PR.AC-4 PR.AA-01 PR.AA-03 PR.AA-04 GV.RR-02 GV.PO-01 GV.PO-02 GV.OV DE.CM-09 RS.MI ID.AM-08",
	"nhi10":  "NHI1:2025 NHI2:2025 NHI3:2025 NHI4:2025 NHI5:2025 NHI6:2025 NHI7:2025 NHI8:2025 NHI9:2025 NHI10:2025",
	"ai-rmf": "GOVERN MAP MEASURE MANAGE",
}

// TestFrameworks holds the frameworks to what auditors ask, and to the tables there
// are.
func TestFrameworks(t *testing.T) {
	all, used := tables(), map[string]bool{}
	for name, asked := range rows {
		f, err := FrameworkOf(name)
		if err != nil {
			t.Error(err)
			continue
		}
		var has []string
		for _, c := range f.Controls {
			has = append(append(has, c.ID), c.Covers...)
			if c.Says == "" || c.By == "" || c.Look == "" || len(c.Evidence) == 0 {
				t.Errorf("%s %s: something is missing", name, c.ID)
			}
			for _, e := range c.Evidence {
				if used[e] = true; all[e] == nil {
					t.Errorf("%s %s: there is no table %q", name, c.ID, e)
				}
			}
			if len(slices.Compact(slices.Sorted(slices.Values(c.Evidence)))) != len(c.Evidence) {
				t.Errorf("%s %s: the same evidence twice", name, c.ID)
			}
		}
		for _, u := range f.Uncovered {
			has = append(has, u.ID)
			if u.Says == "" || u.Why == "" {
				t.Errorf("%s: why is %s not covered?", name, u.ID)
			}
		}
		if len(slices.Compact(slices.Sorted(slices.Values(has)))) != len(has) {
			t.Errorf("%s: something is there twice: %v", name, has)
		}
		for id := range strings.FieldsSeq(asked) {
			if !slices.ContainsFunc(has, func(h string) bool { return h == id || strings.HasPrefix(h, id+" ") }) {
				t.Errorf("%s: %s is neither covered nor said not to be", name, id)
			}
		}
	}
	if got, want := Frameworks(), len(rows); len(got) != want {
		t.Errorf("there are %v", got)
	}
	for name, table := range all {
		if !used[name] {
			t.Errorf("no framework asks for %s", name)
		}
		heading := table.heading()
		if len(slices.Compact(slices.Sorted(slices.Values(heading)))) != len(heading) {
			t.Errorf("%s has a column twice: %v", name, heading)
		}
		if table.tally != "" && !slices.Contains(heading, table.tally) {
			t.Errorf("%s counts %q, which it has not", name, table.tally)
		}
	}
}
