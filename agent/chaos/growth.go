package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	sampleEvery  = 10 * time.Second
	dropEvery    = time.Minute // how often the sockets are reset
	shortestSoak = time.Minute

	fewestSamples = 8 // with fewer, nothing can be said
)

// soak has people talk for long while next to nothing goes wrong, and looks at the
// processes now and then.
func (r *run) soak(ctx context.Context) error {
	every := min(sampleEvery, r.options.length/60) // a short soak is looked at more often
	r.load.samples = make([]samples, len(r.replicas))
	for i, replica := range r.replicas {
		r.load.samples[i].name = replica.name
	}
	return r.speak(ctx, func(ctx context.Context) error {
		dropped := r.book.now()
		for end := r.book.now() + r.options.length; r.book.now() < end; {
			if !sleep(ctx, every) {
				return context.Cause(ctx)
			}
			for i, replica := range r.replicas {
				s, err := replica.sample(ctx)
				if err != nil {
					return fmt.Errorf("look at %s: %w", replica.name, err)
				}
				r.load.samples[i].list = append(r.load.samples[i].list, s)
			}
			if r.book.now()-dropped < min(dropEvery, r.options.length/6) {
				continue
			}
			if err := r.fire(ctx, fault{kind: drop}); err != nil {
				return err
			}
			if err := r.awaitUp(ctx, "a drop"); err != nil {
				return err
			}
			dropped = r.book.now()
		}
		return nil
	})
}

// samples are what one replica was seen to need, one after the other.
type samples struct {
	name string
	list []sample
}

// want is how much something may grow: by a part of what it was, and a little.
type want struct {
	name  string
	unit  int64
	part  float64
	extra int64
	of    func(sample) int64
}

const mib = 1 << 20

// wants are what is looked at. Pages of the store's file that the kernel keeps in
// memory belong to nobody, so of the memory only what is the process' own counts;
// the rest is shown.
var wants = []want{
	{"goroutines", 1, 0.10, 5, func(s sample) int64 { return s.goroutines }},
	{"threads", 1, 0.10, 5, func(s sample) int64 { return s.threads }},
	{"file descriptors", 1, 0.10, 5, func(s sample) int64 { return s.files }},
	{"memory of its own, MiB", mib, 0.20, 8 * mib, func(s sample) int64 { return s.own }},
	{"memory with mapped files, MiB", mib, 0, 0, func(s sample) int64 { return s.resident }},
}

// growthFigures holds the last quarter of the samples against the first one after
// the warm-up, which is a tenth.
func growthFigures(all []samples) (figures []figure, detail sheet) {
	detail = sheet{title: "what the processes needed", rows: [][]any{{"process", "of what", "first", "first quarter", "last quarter", "max", "bound"}}}
	for _, s := range all {
		if len(s.list) < fewestSamples {
			figures = append(figures, figure{"samples of " + s.name, len(s.list), fmt.Sprintf("at least %d", fewestSamples), true})
			continue
		}
		for _, w := range wants {
			var values []int64
			for _, one := range s.list {
				values = append(values, w.of(one))
			}
			if slices.Max(values) < 0 {
				continue // the program does not say
			}
			f, row := w.growth(s.name, values)
			detail.rows = append(detail.rows, row)
			if f.bound != "" {
				figures = append(figures, f)
			}
		}
	}
	return figures, detail
}

// growth judges one thing that a process needed, over time.
func (w want) growth(name string, values []int64) (figure, []any) {
	warm := values[len(values)/10:]
	quarter := max(1, len(warm)/4)
	early, late := middle(warm[:quarter]), middle(warm[len(warm)-quarter:])
	f := figure{name: w.name + " of " + name, value: fmt.Sprintf("%d → %d", early/w.unit, late/w.unit)}
	row := []any{name, w.name, values[0] / w.unit, early / w.unit, late / w.unit, slices.Max(values) / w.unit, "–"}
	if w.extra > 0 {
		bound := int64(float64(early)*(1+w.part)) + w.extra
		f.bound, f.over = fmt.Sprint(bound/w.unit), late > bound
		row[len(row)-1] = f.bound
	}
	return f, row
}

// middle is the median, of an even number of values the lower one in the middle.
func middle(values []int64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
