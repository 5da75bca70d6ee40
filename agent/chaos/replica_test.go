package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newReplica is a replica of a script that has not been started. Its surprising
// ends go to the channel.
func newReplica(t *testing.T, text string) (*replica, <-chan error) {
	t.Helper()
	died := make(chan error, 10)
	r := &replica{
		name:    "replica-1",
		command: []string{script(t, text)},
		log:     filepath.Join(t.TempDir(), "replica.log"),
		died:    func(err error) { died <- err },
	}
	t.Cleanup(func() {
		r.kill()
		r.waiting.Wait()
	})
	return r, died
}

func TestReplicaStopsWhenAsked(t *testing.T) {
	r, died := newReplica(t, `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done`)
	for life := range 2 {
		if err := r.start(); err != nil {
			t.Fatal(err)
		}
		awaitSaid(t, r, "up")
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
		if said, err := r.said(); err != nil || said != "up\nbye\n" {
			t.Errorf("life %d said %q, %v", life, said, err)
		}
	}
	r.waiting.Wait()
	if len(died) != 0 {
		t.Errorf("an end that was asked for is a surprise: %v", <-died)
	}
	if r.started != 2 {
		t.Errorf("%d lives", r.started)
	}
}

func TestReplicaThatStopsBadly(t *testing.T) {
	r, _ := newReplica(t, `trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done`)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	awaitSaid(t, r, "up")
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("stop: %v", err)
	}
}

func TestReplicaThatEndsByItself(t *testing.T) {
	r, died := newReplica(t, `exit 2`)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	if err := <-died; err == nil || err.Error() != "replica-1 ended by itself: exit status 2" {
		t.Errorf("died: %v", err)
	}
}

// A frozen process can be killed.
func TestReplicaFrozenAndKilled(t *testing.T) {
	r, died := newReplica(t, `echo up; while :; do sleep 0.02; done`)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	awaitSaid(t, r, "up")
	if err := errors.Join(r.freeze(), r.thaw(), r.freeze()); err != nil {
		t.Fatal(err)
	}
	r.kill()
	r.kill() // there is nobody any more
	r.waiting.Wait()
	if len(died) != 0 {
		t.Errorf("kill is a surprise: %v", <-died)
	}
}

func TestReplicaHealth(t *testing.T) {
	answers := make(chan string, 2)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, <-answers) }))
	defer page.Close()
	r, _ := newReplica(t, fmt.Sprintf(`echo '{"msg":"running","health":"%s/api/health"}'; while :; do sleep 0.02; done`, page.URL))
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	awaitSaid(t, r, "health")
	answers <- `{"status":"unhealthy","problems":["store: away"]}`
	answers <- `{"status":"healthy"}`
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.health(ctx); err != nil {
		t.Error(err)
	}
	answers <- `{"status":"unhealthy","problems":["store: away"]}`
	if err := r.healthNow(ctx, page.Client()); err == nil || !strings.Contains(err.Error(), "store: away") {
		t.Errorf("an unhealthy page: %v", err)
	}
	answers <- `<html>`
	if err := r.healthNow(ctx, page.Client()); err == nil {
		t.Error("a page that is none: no error")
	}
}

func TestReplicaThatSaysNothingIsNotHealthy(t *testing.T) {
	r, _ := newReplica(t, `while :; do sleep 0.02; done`)
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.health(ctx); err == nil || !strings.Contains(err.Error(), "health page") {
		t.Errorf("health: %v", err)
	}
}

// awaitSaid waits until the replica has said something.
func awaitSaid(t *testing.T, r *replica, what string) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	giveUp := time.After(30 * time.Second)
	for {
		if said, err := r.said(); err == nil && strings.Contains(said, what) {
			return
		}
		select {
		case <-again.C:
		case <-giveUp:
			t.Fatalf("%q was not said", what)
		}
	}
}
