package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// result is what became of one combination.
type result struct {
	combo   combo
	verdict verdict
	firings []firing
	sheets  []sheet // what was measured
	took    time.Duration
	err     error  // why it did not come to its end, nil when it did
	kept    string // the folder with the logs, when something broke
	again   string // the command that runs it again
}

// broken reports whether anything broke.
func (r result) broken() bool { return r.err != nil || len(r.verdict.breaches) > 0 }

// breaches counts those of a promise.
func (v verdict) brokenOf(p promise) (n int) {
	for _, b := range v.breaches {
		if b.promise == p {
			n++
		}
	}
	return n
}

// report prints everything and reports whether nothing broke.
func report(w io.Writer, o options, results []result) (good bool) {
	good = true
	messages, faults := 0, 0
	for _, r := range results {
		messages += r.verdict.messages
		faults += len(r.firings)
		good = good && !r.broken()
	}
	fmt.Fprintf(w, "\nChaos, seed %d: %d messages, %d faults.\n\n", o.seed, messages, faults)
	promiseTable(w, results)
	comboTable(w, results)
	faultTable(w, results)
	for _, r := range results {
		for _, s := range r.sheets {
			s.print(w, r.combo)
		}
	}
	for _, r := range results {
		if r.broken() {
			details(w, r)
		}
	}
	verdict := "Every promise was kept."
	if !good {
		verdict = "A promise was broken."
	}
	fmt.Fprintf(w, "\n%s To run this again: %s\n", verdict, o.command(o.messages, o.faults, o.combos...))
	return good
}

// promiseTable is what was tried of each promise and what broke.
func promiseTable(w io.Writer, results []result) {
	t := newTable(w)
	t.row("promise", "what it says", "tried", "of what", "broken")
	for _, p := range promises {
		tried, broke := 0, 0
		for _, r := range results {
			tried += r.verdict.tried[p.promise]
			broke += r.verdict.brokenOf(p.promise)
		}
		name := string(p.promise)
		if p.promise == px || p.promise == pm {
			name = "–"
		}
		if p.promise != pm || tried > 0 {
			t.row(name, p.says, tried, p.tried, broke)
		}
	}
	t.end()
}

// comboTable is a line for each combination.
func comboTable(w io.Writer, results []result) {
	t := newTable(w)
	t.row("combination", "messages", "faults", "lost", "silent", "twice", "out of order", "misplaced",
		"webhook window", "error texts", "turned away", "longest wait beside", "link", "process", "took")
	for _, r := range results {
		v := r.verdict
		window, beside, process := any(v.window), any("–"), any(v.brokenOf(px))
		if r.combo.platform != dingtalkName {
			window = "–"
		}
		if v.beside > 0 {
			beside = v.beside.Round(ms)
		}
		if r.err != nil {
			process = "did not end"
		}
		t.row(r.combo, v.messages, len(r.firings), v.lost, v.silent, v.twice, v.disorder, v.misplaced,
			window, v.errors, v.refused, beside, v.brokenOf(p7), process, r.took.Round(time.Second))
	}
	t.end()
	fmt.Fprint(w, `webhook window: second answers in DingTalk, whose webhook knows no idempotency key, after a crash and
announced by the program in its log; error texts are outcomes too, where the model was made to fail;
turned away: of one person who wrote more than may wait; beside: the others' answers meanwhile.

`)
}

// faultTable is how often each kind of fault happened where.
func faultTable(w io.Writer, results []result) {
	t := newTable(w)
	head := []any{"fault"}
	for _, r := range results {
		head = append(head, r.combo)
	}
	t.row(head...)
	for _, trait := range traits {
		row, any := []any{trait.kind}, false
		for _, r := range results {
			n := 0
			for _, f := range r.firings {
				if f.fault.kind == trait.kind {
					n++
				}
			}
			any = any || n > 0
			row = append(row, n)
		}
		if any {
			t.row(row...)
		}
	}
	if t.rows > 1 {
		t.end()
	}
}

// sheet is a table of what was measured; its first row is the head.
type sheet struct {
	title string
	rows  [][]any
}

func (s sheet) print(w io.Writer, c combo) {
	fmt.Fprintf(w, "%s, %s:\n\n", c, s.title)
	t := newTable(w)
	for _, row := range s.rows {
		t.row(row...)
	}
	t.end()
}

// shown is how many breaches of a promise are told one by one.
const shown = 5

// details tells what broke in one combination.
func details(w io.Writer, r result) {
	fmt.Fprintf(w, "%s:\n", r.combo)
	if r.err != nil {
		fmt.Fprintf(w, "  it did not come to its end: %v\n", r.err)
	}
	for _, p := range promises {
		told := 0
		for _, b := range r.verdict.breaches {
			if b.promise != p.promise {
				continue
			}
			if told++; told > shown {
				continue
			}
			fmt.Fprintf(w, "  %s  %s", b.promise, b.what)
			if last := lastBefore(r.firings, b.at); last != "" {
				fmt.Fprintf(w, " [last fault: %s]", last)
			}
			fmt.Fprintln(w)
		}
		if told > shown {
			fmt.Fprintf(w, "  %s  and %d more\n", p.promise, told-shown)
		}
	}
	if r.kept != "" {
		fmt.Fprintf(w, "  logs: %s\n", r.kept)
	}
	fmt.Fprintf(w, "  again: %s\n", r.again)
}

// lastBefore is the fault that struck last before a moment.
func lastBefore(firings []firing, at time.Duration) string {
	i, _ := slices.BinarySearchFunc(firings, at, func(f firing, at time.Duration) int { return int(f.struck - at) })
	if i == 0 || at == 0 {
		return ""
	}
	f := firings[i-1]
	return fmt.Sprintf("%s %s–%s", f.fault.kind, clock(f.struck), clock(f.mended))
}

// table is rows of cells with a border, as Markdown has it.
type table struct {
	out  *tabwriter.Writer
	rows int
}

func newTable(w io.Writer) *table {
	return &table{out: tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)}
}

func (t *table) row(cells ...any) {
	for _, cell := range cells {
		fmt.Fprintf(t.out, "| %v\t", cell)
	}
	fmt.Fprintln(t.out, "|")
	if t.rows++; t.rows == 1 {
		fmt.Fprintln(t.out, strings.Repeat("| ---\t", len(cells))+"|")
	}
}

func (t *table) end() {
	fmt.Fprintln(t.out)
	_ = t.out.Flush()
}
