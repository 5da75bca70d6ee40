// Package toolstest has servers of the Model Context Protocol for tests: real ones,
// built with the official SDK, as a process and over HTTP on loopback; and ones that
// do everything wrong.
//
// The process is the test binary itself: TestMain calls Main first, which becomes the
// server when it was started by Command.
//
//	func TestMain(m *testing.M) {
//		toolstest.Main()
//		os.Exit(m.Run())
//	}
package toolstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Kind is what sort of server a process is.
type Kind string

// The sorts of servers.
const (
	Good     Kind = "good"     // Server, as it should be
	Noisy    Kind = "noisy"    // good, but prints to stdout and to stderr what comes to its mind
	Stubborn Kind = "stubborn" // good, but does not end when it is told to
	Leaving  Kind = "leaving"  // leaves a process behind that holds its pipes, and ends with status 0
	Dead     Kind = "dead"     // says why on stderr and ends with status 3
	Mute     Kind = "mute"     // reads everything and answers nothing
	Deaf     Kind = "deaf"     // good until a tool was called, then reads nothing more
	Flood    Kind = "flood"    // good, but sends notifications without end
	Older    Kind = "older"    // answers nothing to what is newer than the handshake of 2025
	Odd      Kind = "odd"      // its tools have everything that tools should not have
	Bare     Kind = "bare"     // says that it has no tools
	Many     Kind = "many"     // has pages of tools without end
	Needy    Kind = "needy"    // sends requests without end
)

// kindVar is the variable that makes the program a server.
const kindVar = "LONGWIRE_TOOLSTEST"

// Command is this program as a server of that kind, and what its environment needs.
func Command(kind Kind) (command []string, env map[string]string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{self}, map[string]string{kindVar: string(kind)}
}

// Main does nothing, or becomes a server and does not return.
func Main() {
	kind := Kind(os.Getenv(kindVar))
	if kind == "" {
		return
	}
	err := run(kind, os.Stdin, os.Stdout, os.Stderr)
	if err != nil && kind != Stubborn {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(kind Kind, in io.Reader, out, log io.Writer) error {
	switch kind {
	case Noisy:
		fmt.Fprintf(out, "starting up…\n\n[1, 2]\n{\"not\": \"a message\"}\n%s\n", strings.Repeat("banner ", 1000))
		fmt.Fprintf(log, "log line\nlong %s\n%s", strings.Repeat("x", 1<<20), strings.Repeat("more\n", 100_000))
	case Stubborn:
		signal.Ignore(syscall.SIGTERM)
		defer time.Sleep(forget)
	case Leaving:
		if _, err := leave(); err != nil {
			return err
		}
		return nil
	case Dead:
		fmt.Fprintln(log, "first words")
		fmt.Fprintln(log, "no database at", os.Getenv("TOOLSTEST_DATABASE"))
		syscall.Exit(3) // os.Exit says something more in a program that counts coverage
	case Mute:
		_, err := io.Copy(io.Discard, in)
		return err
	case Older:
		return script(in, out, older)
	case Odd:
		return script(in, out, odd)
	case Bare:
		return script(in, out, bare)
	case Many:
		return script(in, out, many())
	case Flood, Needy:
		return script(in, out, ordinary, endless(kind))
	case Deaf:
		return script(in, out, deaf)
	}
	return Server().Run(context.Background(), &mcp.StdioTransport{})
}

// endless is what the server sends on and on, once it was initialized.
func endless(kind Kind) string {
	if kind == Needy {
		return `{"jsonrpc":"2.0","id":%d,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`
	}
	return `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"` + strings.Repeat("flood", 1000) + `","n":%d}}`
}

// forget is how long deaf and lost processes stay: longer than any test, and not for
// ever should the test be gone.
const forget = 2 * time.Minute

// deaf answers until it is told to read no more.
func deaf(method, tool string) (any, bool) {
	if method == "tools/call" {
		time.Sleep(forget)
	}
	return ordinary(method, tool)
}

// lines reads in line by line.
func lines(in io.Reader) *bufio.Scanner {
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 64<<20)
	return scanner
}
