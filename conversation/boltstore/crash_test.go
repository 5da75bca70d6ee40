package boltstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
)

// crashEnv names the file on which the child of TestKill works.
const crashEnv = "LONGWIRE_TEST_CRASH"

// acceptUntilKilled is the child: it accepts events from several goroutines,
// takes, notes and finishes some, and prints what the store has promised, line by line.
func acceptUntilKilled(path string) {
	store, err := Open(path, conversation.Options{Lease: time.Hour, MaxWaiting: 1 << 30, MaxPerConversation: 1 << 30})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var wg sync.WaitGroup
	ctx := context.Background()
	for g := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				ev := crashEvent(g, n)
				if fresh, err := store.Accept(ctx, ev); err != nil || !fresh {
					fmt.Fprintln(os.Stderr, "accept:", fresh, err)
					os.Exit(1)
				}
				fmt.Printf("accepted %d %d\n", g, n)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for {
				l, err := store.Take(ctx, "home")
				if err != nil {
					fmt.Fprintln(os.Stderr, "take:", err)
					os.Exit(1)
				}
				fmt.Printf("doing %s\n", l.Event.ID)
				if err := l.Note(ctx, []byte(l.Event.ID)); err != nil {
					fmt.Fprintln(os.Stderr, "note:", err)
					os.Exit(1)
				}
				fmt.Printf("noted %s\n", l.Event.ID)
				out := conversation.Outcome{Turn: &conversation.Turn{Answer: l.Event.ID}}
				if err := l.Done(ctx, out); err != nil {
					fmt.Fprintln(os.Stderr, "done:", err)
					os.Exit(1)
				}
				fmt.Printf("done %s\n", l.Event.ID)
			}
		})
	}
	wg.Wait()
}

func crashEvent(g, n int) connectors.Event {
	return connectors.Event{
		ID:         fmt.Sprintf("%d %d", g, n),
		Connection: "home",
		Sender:     connectors.Person{ID: "person " + strconv.Itoa(g)},
		Text:       strings.Repeat("x", n%3000),
	}
}

// What the store has promised is there after kill -9: every event that was
// accepted waits or was done, what was done does not come again, and each
// conversation goes on where it stopped.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "longwire.db")
	accepted, noted, done := runUntilKilled(t, path, 500)

	store, err := Open(path, conversation.Options{Lease: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	next := map[int]int{}
	waiting, err := store.Waiting(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	for range waiting {
		l, err := store.Take(t.Context(), "home")
		if err != nil {
			t.Fatal(err)
		}
		var g, n int
		if _, err := fmt.Sscan(l.Event.ID, &g, &n); err != nil {
			t.Fatal(err)
		}
		if done[l.Event.ID] {
			t.Errorf("event %q was done and comes again", l.Event.ID)
		}
		if first, ok := next[g]; ok && n != first {
			t.Errorf("event %q comes after number %d", l.Event.ID, first-1)
		}
		if noted[l.Event.ID] && string(l.Noted) != l.Event.ID {
			t.Errorf("event %q was noted and comes with note %q", l.Event.ID, l.Noted)
		}
		if len(l.Event.Text) != n%3000 {
			t.Errorf("event %q has lost its text", l.Event.ID)
		}
		if h := l.History; n > 0 && (len(h) == 0 || h[len(h)-1].Answer != fmt.Sprintf("%d %d", g, n-1)) {
			t.Errorf("event %q: the turn before it is missing", l.Event.ID)
		}
		next[g] = n + 1
		if err := l.Done(t.Context(), conversation.Outcome{Turn: &conversation.Turn{Answer: l.Event.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	for g, last := range accepted {
		if _, ok := next[g]; ok && next[g] <= last {
			t.Errorf("conversation %d ends before number %d, which was accepted", g, last)
		}
		if fresh, err := store.Accept(t.Context(), crashEvent(g, last)); err != nil || fresh {
			t.Errorf("event %d %d, accepted before, again: fresh %t, err %v", g, last, fresh, err)
		}
	}
}

// runUntilKilled has the child work until it has printed some lines, kills it and
// returns what it had promised: the last event accepted of each conversation, and
// the events noted and done.
func runUntilKilled(t *testing.T, path string, lines int) (accepted map[int]int, noted, done map[string]bool) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	accepted, noted, done = map[int]int{}, map[string]bool{}, map[string]bool{}
	read := 0
	for scan := bufio.NewScanner(out); scan.Scan(); read++ {
		if read == lines {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		var g, n int
		switch what, rest, _ := strings.Cut(scan.Text(), " "); what {
		case "accepted":
			if _, err := fmt.Sscan(rest, &g, &n); err == nil {
				accepted[g] = n
			}
		case "noted":
			noted[rest] = true
		case "done":
			done[rest] = true
		}
	}
	if read < lines {
		t.Errorf("the child printed %d lines, want %d", read, lines)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return accepted, noted, done
}
