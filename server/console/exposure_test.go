package console

import (
	"testing"
	"time"
)

// TestExposureChart draws a few endings.
func TestExposureChart(t *testing.T) {
	x := endings{}
	x.chart([]time.Duration{2 * time.Hour, 5 * time.Millisecond, 20 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, 30 * time.Second})
	var counts, heights []int
	for _, b := range x.Bars {
		counts, heights = append(counts, b.Count), append(heights, b.Height)
	}
	for i, want := range []int{3, 1, 0, 1, 0, 1} {
		if counts[i] != want || heights[i] != want*100/3 {
			t.Errorf("bar %d (%s) counts %d and is %d high, want %d", i, x.Bars[i].Under, counts[i], heights[i], want)
		}
	}
	if x.Median != 99*time.Millisecond || x.Slowest != 2*time.Hour || x.Count != 6 {
		t.Errorf("half took %v, the slowest %v", x.Median, x.Slowest)
	}
}
