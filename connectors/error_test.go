package connectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestErrorTexts(t *testing.T) {
	rows := []struct {
		err  *Error
		want string
	}{
		{&Error{Op: "dial"}, "dial"},
		{&Error{Op: "dial", Code: "7"}, "dial: code 7"},
		{&Error{Op: "dial", Message: "no"}, "dial: no"},
		{&Error{Op: "dial", Code: "7", Message: "no", Err: io.EOF}, "dial: code 7: no: EOF"},
		{&Error{Op: "dial", Err: io.EOF}, "dial: EOF"},
		{&Error{Op: "dial", Message: "100% of %s"}, "dial: 100% of %s"},
	}
	for _, row := range rows {
		if got := row.err.Error(); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

func TestDecisionsAreFoundInTheChain(t *testing.T) {
	fatal := &Error{Op: "send", Fatal: true, RetryAfter: 3 * time.Second, Err: io.EOF}
	wrapped := fmt.Errorf("reply: %w", fmt.Errorf("part 2: %w", fatal))
	rows := []struct {
		name      string
		err       error
		permanent bool
		after     time.Duration
	}{
		{"nil", nil, false, 0},
		{"foreign", io.EOF, false, 0},
		{"bare", fatal, true, 3 * time.Second},
		{"wrapped", wrapped, true, 3 * time.Second},
		{"transient", &Error{Op: "send"}, false, 0},
		{"the outermost decides", &Error{Op: "turn", Err: fatal}, false, 0},
		{"failure of the answer", &Failure{Err: fatal}, true, 3 * time.Second},
	}
	for _, row := range rows {
		if got := Permanent(row.err); got != row.permanent {
			t.Errorf("%s: Permanent is %t", row.name, got)
		}
		if got := RetryAfter(row.err); got != row.after {
			t.Errorf("%s: RetryAfter is %s", row.name, got)
		}
	}
	if !errors.Is(wrapped, io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestWithoutURL(t *testing.T) {
	const secret = "S3CRET"
	address := "https://user:" + secret + "@chat.example:8443/" + secret + "?ticket=" + secret + "#" + secret
	cause := errors.New("connection refused")
	inner := &url.Error{Op: "Get", URL: address, Err: cause}
	_, unparsable := http.NewRequest(http.MethodPost, "http://chat.example/%zz?ticket="+secret, nil)
	rows := []struct {
		name string
		err  error
		want string
	}{
		{"bare", inner, "get chat.example:8443: connection refused"},
		{"wrapped", fmt.Errorf("POST %s: %w", address, inner), "get chat.example:8443: connection refused"},
		{"nested", &url.Error{Op: "Post", URL: address, Err: inner}, "post chat.example:8443: get chat.example:8443: connection refused"},
		{"not a URL", &url.Error{Op: "parse", URL: "::" + secret, Err: cause}, "parse the address: connection refused"},
		{"relative", &url.Error{Op: "Post", URL: "/x?ticket=" + secret, Err: cause}, "post the address: connection refused"},
		{"from net/http", unparsable, `parse the address: invalid URL escape "%zz"`},
		{"another error", cause, "connection refused"},
	}
	for _, row := range rows {
		got := WithoutURL(row.err)
		if got.Error() != row.want || strings.Contains(got.Error(), secret) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if row.name != "from net/http" && !errors.Is(got, cause) {
			t.Errorf("%s: the cause is lost", row.name)
		}
	}
}

// What net/http itself says about a call that is refused holds no more than the
// host.
func TestWithoutURLOfARealCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:1/robot/send?session=S3CRET", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatal("a cancelled call succeeded")
	}
	if !strings.Contains(err.Error(), "S3CRET") {
		t.Fatal("this test can show nothing: net/http does not tell the URL")
	}
	got := WithoutURL(err)
	if !errors.Is(got, context.Canceled) || strings.Contains(got.Error(), "S3CRET") || !strings.Contains(got.Error(), "127.0.0.1:1") {
		t.Errorf("%v", got)
	}
}

func TestUnsure(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":            {nil, false},
		"refused":            {&Error{Code: "300001"}, false},
		"too fast":           {&Error{Code: "HTTP 429"}, false},
		"a gateway answered": {&Error{Code: "HTTP 504"}, true},
		"nobody answered":    {&Error{Err: io.ErrUnexpectedEOF}, true},
		"a plain error":      {io.EOF, true},
		"not dialled":        {&Error{Err: &net.OpError{Op: "dial", Err: io.EOF}}, false},
		"cut while reading":  {&Error{Err: &net.OpError{Op: "read", Err: io.EOF}}, true},
	} {
		if got := Unsure(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
