package redisstore

import (
	"strings"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	server := realServer(t, "--requirepass", "right", "--appendfsync", "always")
	at := strings.TrimPrefix(server.URL(), "unix://")
	facts, err := Look(t.Context(), "unix://:right@"+at, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Pings) != 3 || facts.Info["redis_version"] == "" || facts.Info["role"] != "master" || facts.Settings["appendfsync"] != "always" ||
		facts.Cluster || time.Since(facts.Clock).Abs() > time.Minute {
		t.Errorf("%+v", facts)
	}
	for url, want := range map[string]string{"unix://:wr0ng@" + at: "WRONGPASS", "unix://" + at: "NOAUTH"} {
		_, err := Look(t.Context(), url, 1)
		if words, ok := Refusal(err); !ok || !strings.HasPrefix(words, want) || strings.Contains(err.Error(), "wr0ng") {
			t.Errorf("%v is the refusal %q", err, words)
		}
	}
}
