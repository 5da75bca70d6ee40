package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"longwire/connectors"
)

func TestClientNamesWhatIsWrong(t *testing.T) {
	if _, err := NewClient("127.0.0.1:1", "").Inbox(t.Context(), "", 1); err == nil || !strings.Contains(err.Error(), "admin.listen") {
		t.Errorf("nobody listens: %v", err)
	}
	s := start(t, Config{Store: pinger(fine), Token: "s3cret"})
	if _, err := NewClient(s.Addr(), "wrong").Inbox(t.Context(), "", 1); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a wrong token: %v", err)
	}
	if _, err := NewClient(s.Addr(), "s3cret").Inbox(t.Context(), "", 1); err != nil {
		t.Errorf("the right token: %v", err)
	}
	if got := NewClient("0.0.0.0:99", "").addr; got != "127.0.0.1:99" {
		t.Errorf("a program that listens everywhere is asked at %s", got)
	}
}

// The token goes to the program and to nobody on the way. HTTP_PROXY is read once in a
// process, so what is looked at is who would be asked for a proxy.
func TestClientKnowsNoProxy(t *testing.T) {
	plain, trusting := NewClient("192.0.2.1:18789", "s3cret"), NewClient("192.0.2.1:18789", "s3cret")
	cert, _ := writeCertificate(t, t.TempDir(), 1, time.Now())
	if err := trusting.Trust(cert); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*Client{plain, trusting} {
		if transport, ok := c.http.Transport.(*http.Transport); !ok || transport.Proxy != nil {
			t.Errorf("%s: the transport is %T and may ask a proxy", c.scheme, c.http.Transport)
		}
	}
}

func TestClientPrintsHealth(t *testing.T) {
	up := connectors.Status{State: connectors.Connected, LastFrame: time.Now()}
	for _, c := range []struct {
		ping error
		well bool
		want string
	}{
		{nil, true, "healthy: longwire v9, up for 0s, 1 connection(s)\n"},
		{errors.New("disk full"), false, "unhealthy: longwire v9, up for 0s, 1 connection(s)\n  store: disk full\n"},
	} {
		s := start(t, Config{Version: "v9", Store: pinger(func(context.Context) error { return c.ping }), Connections: []Connection{{Name: "c1", Link: &link{up}}}})
		var out strings.Builder
		well, err := NewClient(s.Addr(), "").PrintHealth(t.Context(), &out)
		if well != c.well || err != nil || out.String() != c.want {
			t.Errorf("%t, %v: %q, want %q", well, err, out.String(), c.want)
		}
	}
	if _, err := NewClient("127.0.0.1:1", "").PrintHealth(t.Context(), &strings.Builder{}); err == nil {
		t.Error("a program that does not run is well")
	}
	s := start(t, Config{Token: "s3cret"})
	if well, err := NewClient(s.Addr(), "wrong").PrintHealth(t.Context(), &strings.Builder{}); well || err == nil {
		t.Errorf("%t, %v with a wrong token", well, err)
	}
}
