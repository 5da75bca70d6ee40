package main

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

func TestReadReply(t *testing.T) {
	for in, want := range map[string][]string{
		"+OK\r\n":                             {"OK"},
		":12\r\n":                             {"12"},
		"$5\r\nhello\r\n":                     {"hello"},
		"$0\r\n\r\n":                          {""},
		"$-1\r\n":                             {""},
		"*-1\r\n":                             {""},
		"*0\r\n":                              nil,
		"*2\r\n$1\r\na\r\n*2\r\n+b\r\n:3\r\n": {"a", "b", "3"},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(in)))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "$5", "$5\r\nhell", "$-2\r\n", "$99999999\r\n", "5\r\nhello", "-LOADING later\r\n", "\r\n",
		"*2\r\n+a\r\n", "*99999\r\n", strings.Repeat("*1\r\n", maxDepth+1) + "+a\r\n", "*1\r\n-ERR\r\n",
	} {
		if got, err := readReply(bufio.NewReader(strings.NewReader(in))); err == nil {
			t.Errorf("%q: %q, and no error", in, got)
		}
	}
}

func TestCommand(t *testing.T) {
	if got := command("INFO", "关"); got != "*2\r\n$4\r\nINFO\r\n$3\r\n关\r\n" {
		t.Errorf("%q", got)
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add("$5\r\nhello\r\n")
	f.Add("*2\r\n$1\r\na\r\n*1\r\n:3\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		texts, err := readReply(bufio.NewReader(strings.NewReader(in)))
		for _, text := range texts {
			if err == nil && !strings.Contains(in, text) {
				t.Errorf("%q: %q", in, text)
			}
		}
	})
}
