package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/audit"
	"drawbridge/schema"
)

// TestPruned takes bodies out of a log. Those that a decision of the log had pruned may be
// missing, and no others: a hash that fits is not enough. R-LOG-8.
func TestPruned(t *testing.T) {
	signer, verifier := key(t, 1)
	all := leaves(t, 9)
	decide := func(d schema.Decision) []byte {
		d.ID, d.Time, d.Actor, d.Reason = "p", time.Unix(9, 0), "sweep/retention", "too old"
		leaf, err := audit.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	decided := schema.Decision{Verb: schema.Pruned, Subject: audit.PruningSubject, Object: audit.PruningObject(6)}
	other := func(change func(*schema.Decision)) [][]byte {
		d := decided
		change(&d)
		return append(slices.Clone(all), decide(d))
	}
	log := append(slices.Clone(all), decide(decided))
	edited := slices.Clone(log)
	edited[2] = all[3]
	for _, c := range []struct {
		name   string
		leaves [][]byte
		gone   []int
		signed [][]byte // what the head was signed of
		fault  string
	}{
		{"whole", log, nil, log, ""},
		{"all that may", log, []int{0, 1, 2, 3, 4, 5}, log, ""},
		{"some that may", log, []int{1, 4}, log, ""},
		{"one more", log, []int{0, 1, 2, 3, 4, 5, 6}, log, "entry 6 has a hash and nothing else"},
		{"a later one alone", log, []int{8}, log, "entry 8 has a hash and nothing else"},
		{"the decision itself", log, []int{0, 9}, log, "entry 9 has a hash and nothing else"},
		{"nobody decided", all, []int{0}, all, "entry 0 has a hash and nothing else"},
		{"a hash of something else", edited, []int{2}, log, "hashes to"},
		{"another verb", other(func(d *schema.Decision) { d.Verb = schema.Found }), []int{0}, nil, "entry 0 has a hash"},
		{"of something else", other(func(d *schema.Decision) { d.Subject = "somebody" }), []int{0}, nil, "entry 0 has a hash"},
		{"no number", other(func(d *schema.Decision) { d.Object = "entry/all" }), []int{0}, nil, "entry 0 has a hash"},
		{"before what is to come", other(func(d *schema.Decision) { d.Object = audit.PruningObject(99) }), []int{0}, nil, "entry 0 has a hash"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.signed == nil {
				c.signed = c.leaves
			}
			head := sign(t, c.signed, signer)
			report, err := audit.Verify(pruned(c.leaves, c.gone...), verifier, head)
			wantFault(t, err, c.fault)
			if err == nil && (report.Pruned != int64(len(c.gone)) || report.Entries != int64(len(c.leaves))) {
				t.Errorf("%+v", report)
			}
			var out strings.Builder
			if err := audit.Export(&out, pruned(c.leaves, c.gone...), sequence([][]byte{head})); err != nil {
				t.Fatal(err)
			}
			report, err = audit.VerifyExport(strings.NewReader(out.String()), verifier)
			wantFault(t, err, c.fault)
			if err == nil && report.Pruned != int64(len(c.gone)) {
				t.Errorf("of the export: %+v", report)
			}
			text := strings.Replace(out.String(), `,"pruned":true`, "", 1)
			if _, err := audit.VerifyExport(strings.NewReader(text), verifier); len(c.gone) > 0 && err == nil {
				t.Error("a line without a leaf verified, and does not say that it was pruned")
			}
		})
	}
}
