// Package corpus says how far the estimates of package prompt are from the truth: on
// texts in the scripts that people write to a bot in, whose tokens two published
// encodings have counted. cl100k_base stands for tokenizers that need much for
// Chinese, o200k_base for those that need little; those of current models lie
// between the two or beside the second.
//
// The texts are cut into pieces. The odd ones are for fitting and for learning: the
// weights were fitted to them, and Errors lets an estimator observe them. The errors
// are those of the even pieces, which neither has seen.
//
// It is a package of its own so that the program does not carry the texts.
package corpus

import (
	"embed"
	"fmt"
	"strings"

	"longwire/agent/prompt"
)

//go:embed texts
var texts embed.FS

// Encodings are the names of the encodings, in the order of Piece.Tokens.
var Encodings = [2]string{"cl100k_base", "o200k_base"}

// Piece is one text.
type Piece struct {
	Kind   string // "chinese", "english", "go", …
	Number int    // from 1 on
	Text   string
	Tokens [2]int // as the encodings count
}

// Error is how far the estimates of one kind of text are off with one encoding:
// (estimate − truth) / truth, over all that was not learnt from.
type Error struct {
	Kind     string
	Encoding string
	Tokens   int     // the truth
	Before   float64 // with no correction at all
	After    float64 // after the reports of a talk of all kinds
	Alone    float64 // after the reports of a talk of this kind only
}

// Pieces is the whole corpus.
func Pieces() ([]Piece, error) {
	counts, err := texts.ReadFile("texts/counts.tsv")
	if err != nil {
		return nil, err
	}
	var pieces []Piece
	split := map[string][]string{}
	for line := range strings.Lines(string(counts)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var p Piece
		if _, err := fmt.Sscan(line, &p.Kind, &p.Number, &p.Tokens[0], &p.Tokens[1]); err != nil {
			return nil, fmt.Errorf("counts.tsv: %q: %w", line, err)
		}
		if split[p.Kind] == nil {
			text, err := texts.ReadFile("texts/" + p.Kind + ".txt")
			if err != nil {
				return nil, err
			}
			split[p.Kind] = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n%%\n")
		}
		if p.Number < 1 || p.Number > len(split[p.Kind]) {
			return nil, fmt.Errorf("counts.tsv: %s has no piece %d", p.Kind, p.Number)
		}
		p.Text = split[p.Kind][p.Number-1]
		pieces = append(pieces, p)
	}
	return pieces, nil
}

// rounds is how often a talk comes back to a text. A real one is longer than the
// corpus.
const rounds = 3

// Errors are the errors of every kind with every encoding, kinds in their order and
// within one the encodings. The last kind is "all".
func Errors() ([]Error, error) {
	pieces, err := Pieces()
	if err != nil {
		return nil, err
	}
	kinds := []string{}
	for _, p := range pieces {
		if len(kinds) == 0 || kinds[len(kinds)-1] != p.Kind {
			kinds = append(kinds, p.Kind)
		}
	}
	var found []Error
	for _, kind := range append(kinds, "all") {
		for encoding := range Encodings {
			found = append(found, errorOf(pieces, kind, encoding))
		}
	}
	return found, nil
}

func errorOf(pieces []Piece, kind string, encoding int) Error {
	var fresh, talk, alone prompt.Estimator
	teach(pieces, "all", func(p Piece) { talk.Observe(prompt.Measure(p.Text), p.Tokens[encoding]) })
	teach(pieces, kind, func(p Piece) { alone.Observe(prompt.Measure(p.Text), p.Tokens[encoding]) })
	e := Error{Kind: kind, Encoding: Encodings[encoding]}
	for _, p := range pieces {
		if p.Number%2 == 0 && (kind == "all" || p.Kind == kind) {
			e.Tokens += p.Tokens[encoding]
			e.Before += float64(fresh.Estimate(p.Text))
			e.After += float64(talk.Estimate(p.Text))
			e.Alone += float64(alone.Estimate(p.Text))
		}
	}
	for _, estimate := range []*float64{&e.Before, &e.After, &e.Alone} {
		*estimate = *estimate/float64(e.Tokens) - 1
	}
	return e
}

// teach has the odd pieces of a kind observed, in turns: first the first piece of
// each kind, then the third.
func teach(pieces []Piece, kind string, observe func(Piece)) {
	last := 0
	for _, p := range pieces {
		last = max(last, p.Number)
	}
	for range rounds {
		for number := 1; number <= last; number += 2 {
			for _, p := range pieces {
				if p.Number == number && (kind == "all" || p.Kind == kind) {
					observe(p)
				}
			}
		}
	}
}

// String is one line of a table, in percent.
func (e Error) String() string {
	return fmt.Sprintf("%-9s %-12s %5d tokens  before %+6.1f %%  after %+6.1f %%  alone %+6.1f %%",
		e.Kind, e.Encoding, e.Tokens, 100*e.Before, 100*e.After, 100*e.Alone)
}
