package model

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
)

func TestTranscribe(t *testing.T) {
	var mu sync.Mutex // what follows is the server's and the test's
	var responses []modeltest.Response
	var asked []modeltest.Request
	server, err := modeltest.Start("127.0.0.1:0", func(r modeltest.Request) modeltest.Response {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r)
		next := responses[0]
		responses = responses[1:]
		return next
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ears := func(firstToken time.Duration) *Client {
		client := New([]Config{{Endpoint: server.URL(), Keys: []string{"k"}, Name: "m", Transcription: "ears", FirstToken: firstToken, Wait: time.Millisecond, Attempts: 2}}, quiet())
		t.Cleanup(client.Close)
		return client
	}
	client, impatient := ears(time.Minute), ears(300*time.Millisecond)

	for name, c := range map[string]struct {
		responses []modeltest.Response
		sound     string
		text      string
		kind      Kind
	}{
		"heard":       {[]modeltest.Response{modeltest.Words("你好", "吗")}, "#!AMR…", "你好吗", ""},
		"later":       {[]modeltest.Response{{Status: 503, Error: "busy"}, modeltest.Words("ok")}, "OggS", "ok", ""},
		"silence":     {[]modeltest.Response{modeltest.Words(" "), modeltest.Words("")}, "OggS", "", Empty},
		"refused":     {[]modeltest.Response{{Status: 401, Error: "bad key k"}}, "OggS", "", Key},
		"hangs":       {[]modeltest.Response{{Hang: true}, {Hang: true}}, "OggS", "", Timeout},
		"not offered": {[]modeltest.Response{{Status: 404, Error: "no such model"}}, "OggS", "", Refused},
	} {
		mu.Lock()
		responses, asked = c.responses, nil
		mu.Unlock()
		client := client
		if c.kind == Timeout {
			client = impatient
		}
		text, err := client.Transcribe(t.Context(), []byte(c.sound))
		var e *Error
		if text != c.text || c.kind == "" != (err == nil) || err != nil && (!errors.As(err, &e) || e.Kind != c.kind) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		mu.Lock()
		first := asked[0]
		mu.Unlock()
		if first.Model != "ears" || string(first.Sound) != c.sound || first.Key != "k" {
			t.Errorf("%s: asked %+v", name, first)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Transcribe(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTranscribeGoesToWhoeverCan(t *testing.T) {
	deaf, away, good := script(t, modeltest.Words("never asked")), script(t, modeltest.Response{Status: 500, Error: "oops"}), script(t, modeltest.Words("heard"))
	client := clientOf(t, at(deaf, Config{}), at(away, Config{Transcription: "one"}), at(good, Config{Transcription: "two"}))
	text, err := client.Transcribe(t.Context(), []byte("OggS"))
	if text != "heard" || err != nil || len(deaf.Requests()) != 0 || away.Requests()[0].Model != "one" || good.Requests()[0].Model != "two" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := clientOf(t, at(deaf, Config{})).Transcribe(t.Context(), nil); kind(t, err) != Refused {
		t.Errorf("nobody can: %v", err)
	}
}

func TestExtension(t *testing.T) {
	for sound, want := range map[string]string{
		"#!AMR\n": ".amr", "OggS\x00": ".ogg", "RIFFxxxxWAVE": ".wav", "\xff\xfb\x90": ".mp3", "\x00\x00\x00\x18ftypM4A ": ".m4a", "": ".ogg",
	} {
		if got := extension([]byte(sound)); got != want {
			t.Errorf("%q: %s", sound, got)
		}
	}
}

// A transcription model that is not there says nothing of the one that answers.
func TestTranscriptionIsOfItsOwnHealth(t *testing.T) {
	server := serving(t, func(r modeltest.Request) modeltest.Response {
		if r.Sound != nil {
			return modeltest.Response{Status: 404, Error: "no such model"}
		}
		return modeltest.Words("from the first")
	})
	client := clientOf(t, at(server, Config{Transcription: "ears"}), at(script(t, modeltest.Words("from the fallback")), Config{}))
	for range 2 * failuresToRest {
		if _, err := client.Transcribe(t.Context(), []byte("OggS")); err == nil {
			t.Fatal("it was heard")
		}
	}
	if h := client.ask(t.Context(), Request{}); h.text != "from the first" {
		t.Errorf("got %+v", h)
	}
}
