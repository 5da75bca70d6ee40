package admin

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
	"longwire/conversation"
	"longwire/conversation/boltstore"
)

// wrote is an event in the store.
func wrote(t *testing.T, store *boltstore.Store, id, person string, aside bool) connectors.Event {
	t.Helper()
	ev := connectors.Event{
		ID: id, Connection: "c1", Kind: connectors.KindText, Text: "very private", Aside: aside,
		Sender: connectors.Person{ID: person}, Received: time.Now(), Address: []byte(`{"webhook":"secret"}`),
	}
	if _, err := store.Accept(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestDeadLetterThroughTheClient(t *testing.T) {
	store := newStore(t)
	s := start(t, Config{Store: pinger(fine), Desk: store, Connections: []Connection{{Name: "c1", Link: &link{}}}})
	client := NewClient(s.Addr(), "")
	dead := wrote(t, store, "m1", "ann", false)
	lease, err := store.Take(t.Context(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Done(t.Context(), conversation.Outcome{How: conversation.Dead, Reason: "no permission"}); err != nil {
		t.Fatal(err)
	}
	wrote(t, store, "m2", "bob", false)
	wrote(t, store, "m3", "eve", true)

	entries, err := client.Inbox(t.Context(), "", 10)
	if err != nil || len(entries) != 3 {
		t.Fatalf("got %+v, %v", entries, err)
	}
	first := entries[0]
	if first.ID != dead.Trace() || first.State != conversation.ItemDead || first.Reason != "no permission" || first.From != "ann" || first.Attempts != 1 {
		t.Errorf("the dead letter is shown as %+v", first)
	}
	if entries, err = client.Inbox(t.Context(), "other", 10); err != nil || len(entries) != 0 {
		t.Errorf("another connection has %+v, %v", entries, err)
	}

	life, err := client.Trace(t.Context(), dead.Trace())
	if err != nil || life.Connection != "c1" {
		t.Fatalf("got %+v, %v", life, err)
	}
	var marks []string
	for _, m := range life.Marks {
		marks = append(marks, string(m.What))
	}
	if got := strings.Join(marks, " "); got != "accepted taken dead" {
		t.Errorf("the life is %q", got)
	}

	if err := client.Retry(t.Context(), dead.Trace()); err != nil {
		t.Fatal(err)
	}
	if err := client.Drop(t.Context(), dead.Trace()); !errors.Is(err, ErrNotFound) {
		t.Errorf("a letter that was put back can be dropped: %v", err)
	}
	if _, err := client.Trace(t.Context(), "nosuchid"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestInboxShowsNoWordsAndNoAddress(t *testing.T) {
	store := newStore(t)
	s := start(t, Config{Store: pinger(fine), Desk: store, Connections: []Connection{{Name: "c1", Link: &link{}}}})
	wrote(t, store, "m1", "ann", false)
	status, body := ask(t, s, http.MethodGet, "/api/inbox?limit=1", "")
	if status != http.StatusOK || strings.Contains(body, "private") || strings.Contains(body, "secret") || !strings.Contains(body, `"waiting"`) {
		t.Errorf("HTTP %d: %s", status, body)
	}
}
