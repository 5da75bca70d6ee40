package service

import (
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// systemd is the service manager's end of the socket.
type systemd struct {
	t    *testing.T
	conn *net.UnixConn
	env  map[string]string
}

// newSystemd listens at name, with or without a watchdog.
func newSystemd(t *testing.T, name string, watchdog time.Duration) *systemd {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &systemd{t: t, conn: conn, env: map[string]string{"NOTIFY_SOCKET": name}}
	if watchdog > 0 {
		s.env["WATCHDOG_USEC"] = strconv.FormatInt(watchdog.Microseconds(), 10)
		s.env["WATCHDOG_PID"] = strconv.Itoa(os.Getpid())
	}
	return s
}

func (s *systemd) getenv(name string) string { return s.env[name] }

// next is the next datagram.
func (s *systemd) next() string {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.conn.Read(buf)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(buf[:n])
}

// quiet checks that nothing was sent; call it when the sender is done.
func (s *systemd) quiet() {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		s.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if n, err := s.conn.Read(buf); err == nil {
		s.t.Errorf("told %q", buf[:n])
	}
}

func socketFile(t *testing.T) string { return filepath.Join(t.TempDir(), "notify") }

func TestNotify(t *testing.T) {
	names := map[string]string{"path": socketFile(t)}
	if runtime.GOOS == "linux" {
		names["abstract"] = "@longwire-test-" + rand.Text()
	}
	for kind, name := range names {
		t.Run(kind, func(t *testing.T) {
			s := newSystemd(t, name, 0)
			n := FromEnvironment(s.getenv)
			for _, test := range []struct {
				tell func() error
				want string
			}{
				{n.Ready, "READY=1"},
				{n.Stopping, "STOPPING=1"},
				{func() error { return n.Status("2 streams up") }, "STATUS=2 streams up"},
				{func() error { return n.Status("one\nREADY=1\r\ntwo") }, "STATUS=one; READY=1; two"},
			} {
				if err := test.tell(); err != nil {
					t.Fatal(err)
				}
				if got := s.next(); got != test.want {
					t.Errorf("told %q, want %q", got, test.want)
				}
			}
		})
	}
}

// systemd takes a READY=1 for the end of a reload only if the time that RELOADING=1
// came with is not before its request, on the clock that starts at boot.
func TestReloadingTellsTheTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the clock is Linux's")
	}
	s := newSystemd(t, socketFile(t), 0)
	before := monotonic()
	if err := FromEnvironment(s.getenv).Reloading(); err != nil {
		t.Fatal(err)
	}
	usec, found := strings.CutPrefix(s.next(), "RELOADING=1\nMONOTONIC_USEC=")
	n, err := strconv.ParseInt(usec, 10, 64)
	if !found || err != nil || n < before.Microseconds() || n > monotonic().Microseconds() || n == 0 {
		t.Errorf("reloading at %q, %v; it is %v", usec, err, monotonic())
	}
}

func TestNobodyIsToldWithoutASocket(t *testing.T) {
	n := FromEnvironment(func(string) string { return "" })
	if err := n.Ready(); err != nil {
		t.Error(err)
	}
	if err := (Notifier{}).Status("x"); err != nil {
		t.Error(err)
	}
}

func TestASocketThatIsGoneIsAnError(t *testing.T) {
	n := FromEnvironment(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}[name]
	})
	if err := n.Ready(); err == nil || !strings.HasPrefix(err.Error(), "notify: ") {
		t.Errorf("got %v", err)
	}
}

func TestWhatTheWatchdogAsksFor(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"30000000", own, 30 * time.Second},
		{"30000000", "", 30 * time.Second},
		{"30000000", "1", 0},
		{"", own, 0},
		{"0", own, 0},
		{"-5", own, 0},
		{"soon", own, 0},
		{"9223372036854775807", own, 0},
	} {
		n := FromEnvironment(func(name string) string {
			return map[string]string{"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": test.usec, "WATCHDOG_PID": test.pid}[name]
		})
		if n.every != test.want {
			t.Errorf("%q for %q: every %v, want %v", test.usec, test.pid, n.every, test.want)
		}
	}
}

func FuzzStatusIsOneAssignment(f *testing.F) {
	f.Add("all is well")
	f.Add("a\nWATCHDOG=1")
	f.Add("\r\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		line := status(text)
		if !strings.HasPrefix(line, "STATUS=") || strings.ContainsAny(line, "\n\r\x00") {
			t.Errorf("%q", line)
		}
	})
}
