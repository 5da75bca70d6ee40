package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what a server may answer.
const (
	maxBulk  = 1 << 20
	maxArray = 1 << 12
	maxDepth = 4
)

// command is a request in Redis' protocol.
func command(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	return b.String()
}

// readReply reads one answer in Redis' protocol: the texts in it, one after the
// other, however they are nested. An error of the server is an error.
func readReply(r *bufio.Reader) ([]string, error) { return readNested(r, maxDepth) }

func readNested(r *bufio.Reader, depth int) ([]string, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("read redis: %w", err)
	}
	kind, rest := head[0], strings.TrimRight(head[1:], "\r\n")
	switch kind {
	case '+', ':':
		return []string{rest}, nil
	case '-':
		return nil, errors.New("redis says " + rest)
	}
	length, err := strconv.Atoi(rest)
	switch {
	case err == nil && length == -1 && (kind == '$' || kind == '*'):
		return []string{""}, nil // nothing
	case err == nil && kind == '$' && 0 <= length && length <= maxBulk:
		text := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(r, text); err != nil {
			return nil, fmt.Errorf("read redis: %w", err)
		}
		return []string{string(text[:length])}, nil
	case err == nil && kind == '*' && 0 <= length && length <= maxArray && depth > 0:
		var all []string
		for range length {
			part, err := readNested(r, depth-1)
			if err != nil {
				return nil, err
			}
			all = append(all, part...)
		}
		return all, nil
	}
	return nil, fmt.Errorf("redis says %.100q", head)
}
