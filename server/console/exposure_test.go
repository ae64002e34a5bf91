package console

import (
	"testing"
	"time"

	"drawbridge/access/exposure"
)

// TestExposureChart draws a few endings.
func TestExposureChart(t *testing.T) {
	x := endings{exposure.Recent{
		From: time.Unix(0, 0), To: time.Unix(3600, 0), Closed: 6, Took: exposure.Shares{Half: .099, Nineteenth: 30, Most: 7200},
		Within: []exposure.Within{{Seconds: .1, Count: 3}, {Seconds: 1, Count: 1}, {Seconds: 10}, {Seconds: 60, Count: 1}, {Seconds: 600}, {Count: 1}},
	}}
	want := []bar{{"100 ms", 3, 100, 0}, {"1 s", 1, 33, 80}, {"10 s", 0, 0, 160}, {"60 s", 1, 33, 240}, {"10 min", 0, 0, 320}, {"longer", 1, 33, 400}}
	for i, b := range x.Bars() {
		if b != want[i] {
			t.Errorf("bar %d is %+v, want %+v", i, b, want[i])
		}
	}
	if x.Median() != 99*time.Millisecond || x.Slowest() != 2*time.Hour || x.Since() != "60 min" {
		t.Errorf("half took %v, the slowest %v, of %s", x.Median(), x.Slowest(), x.Since())
	}
}
