package main

import (
	"fmt"
	"io"

	"longwire/agent/prompt/corpus"
)

// reportTokens says how far the program's estimate of tokens is from the truth. It takes
// no time, so it is no part of the rounds.
func reportTokens(w io.Writer) error {
	errs, err := corpus.Errors()
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\nEstimated tokens against counted ones, by what people write: without correction, after the usage that\nan endpoint reports in a talk of all kinds, and in one of this kind alone\n\n")
	for _, e := range errs {
		fmt.Fprintf(w, "  %s\n", e)
	}
	return nil
}
