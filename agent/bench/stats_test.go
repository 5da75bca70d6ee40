package main

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100) // 100, 99, … 1
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, row := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]float64{7}, 1, 7},
		{[]float64{7}, 99, 7},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 3, 1, 2}, 50, 2},
		{[]float64{4, 3, 1, 2}, 51, 3},
	} {
		if got := percentile(row.values, row.p); got != row.want {
			t.Errorf("percentile %g of %d values: %g, not %g", row.p, len(row.values), got, row.want)
		}
	}
	if hundred[0] != 100 {
		t.Error("the values were sorted in place")
	}
	if !math.IsNaN(percentile(nil, 50)) {
		t.Error("a percentile of nothing is a number")
	}
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{5}, 5},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{9, 1, 2, 4}, 3},
	} {
		if got := median(row.values); got != row.want {
			t.Errorf("median of %v: %g, not %g", row.values, got, row.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestRatios(t *testing.T) {
	// The median of the ratios, 2, is not the ratio of the medians, 4/3.
	got := ratios([]float64{2, 4, 30}, []float64{1, 3, 10})
	if want := []float64{2, 4.0 / 3, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got := ratios([]float64{2, 4}, []float64{1}); !slices.Equal(got, []float64{2}) {
		t.Errorf("without a partner: %v", got)
	}
}

func TestMillis(t *testing.T) {
	if got := millis([]time.Duration{1500 * time.Microsecond}); !slices.Equal(got, []float64{1.5}) {
		t.Errorf("%v", got)
	}
}
