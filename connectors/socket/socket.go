// Package socket keeps one outbound websocket open for as long as its context
// lives. Both platforms use it; it knows nothing about either.
//
// The life of a link:
//
//	dial      the platform asks where to dial and dials (Platform.Dial)
//	serve     the platform reads frames until the socket ends (Platform.Serve)
//	back off  a jittered wait, longer after each failure, without end
//	again     until the context ends
//
// What it promises:
//
//   - Run gives up for no reason but its context. The first dial that fails is
//     like any other, and so is a panic in Dial or Serve.
//   - A socket that is silent for longer than Options.Silence is dead, whatever
//     TCP believes: every read has a deadline, and every Options.Keepalive the
//     platform is asked for a sign of life.
//   - A frame larger than Options.MaxFrame is skipped and named, and the socket
//     lives on.
//   - When the platform announces that it will close the socket (Conn.Retire),
//     the next socket is dialled at once and the old one is read until it ends.
//     Only a platform that retires one socket after the other is backed off from.
//   - When Run returns, every goroutine it started has ended and every socket is
//     closed. What Serve had in hand was finished before.
//
// Goroutines: for every socket one that serves it and one that keeps it alive.
package socket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"sync"
	"time"

	"longwire/connectors"
)

// Platform is what a connector adds to the bare socket.
type Platform interface {
	// Dial opens the next socket. An error that is connectors.Permanent says
	// that only the operator can mend it; it is retried all the same, slowly.
	Dial(ctx context.Context) (*Conn, error)

	// Serve reads conn until it ends and returns why. When ctx ends, reading
	// fails; Serve then finishes what it has in hand, writes the last acks and
	// returns.
	Serve(ctx context.Context, conn *Conn) error
}

// Link is one outbound websocket kept open.
type Link struct {
	platform Platform
	backoff  Backoff
	down     func(why error)
	log      *slog.Logger

	mu     sync.Mutex
	conn   *Conn             // the socket that new frames come on, nil before the first; guarded by mu
	status connectors.Status // without LastFrame; guarded by mu
}

// New makes a link. It does nothing until Run. It tells down that a stream has ended or
// that an attempt has failed, and why; nil is the platform's own wish to go on elsewhere.
func New(platform Platform, backoff Backoff, down func(why error), log *slog.Logger) *Link {
	return &Link{
		platform: platform,
		backoff:  backoff.WithDefaults(),
		down:     down,
		log:      log,
		status:   connectors.Status{State: connectors.Stopped, Since: time.Now()},
	}
}

// Run holds the link until ctx ends. It is called once.
func (l *Link) Run(ctx context.Context) {
	defer l.enter(connectors.Stopped, "")
	var sockets sync.WaitGroup
	defer sockets.Wait()

	backoff, hasty := l.backoff, false // hasty: the socket before was retired as soon as it was up
	for ctx.Err() == nil {
		l.enter(connectors.Connecting, "")
		conn, err := l.dial(ctx)
		if err != nil {
			l.wait(ctx, &backoff, err)
			continue
		}
		l.up(conn)

		began := time.Now()
		ended := make(chan error, 1)
		sockets.Go(func() { ended <- l.hold(ctx, conn) })
		select {
		case <-conn.retired:
			err = errLetGo
		case err = <-ended:
		}
		long := time.Since(began) >= lasted
		if backoff.Ease(); long {
			backoff.Reset()
		}
		if conn.isRetired() && (long || !hasty) {
			l.log.Info("platform lets go of the stream, dialling the next")
			l.down(nil)
		} else {
			l.wait(ctx, &backoff, err)
		}
		hasty = conn.isRetired() && !long
	}
}

// errLetGo says that a platform lets go of every socket as soon as it is up.
// Dialling at once for ever would not help it.
var errLetGo = errors.New("serve: the platform lets go of every stream at once")

// lasted is how long a socket must have lived for the next failure to count as
// the first one. After one that did not, Backoff.Ease is what limits the wait.
const lasted = 10 * time.Second

// dial is Platform.Dial with a panic turned into an error.
func (l *Link) dial(ctx context.Context) (conn *Conn, err error) {
	defer l.contain("dial", &err)
	return l.platform.Dial(ctx)
}

// contain is deferred around what belongs to the platform: a panic there becomes
// the error that it ended with.
func (l *Link) contain(where string, err *error) {
	if v := recover(); v != nil {
		l.log.Error("panic contained", "where", where, "panic", v, "stack", string(debug.Stack()))
		*err = fmt.Errorf("%s: panic: %v", where, v)
	}
}

// hold serves one socket from its first frame to its last.
func (l *Link) hold(ctx context.Context, conn *Conn) (err error) {
	var keeper sync.WaitGroup
	defer keeper.Wait()
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.interrupt)()
	defer l.contain("serve", &err)

	keeper.Go(conn.keepAlive)
	if err := l.platform.Serve(ctx, conn); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return errors.New("serve: ended")
}

// up notes that conn is the socket that frames come on now.
func (l *Link) up(conn *Conn) {
	l.mu.Lock()
	failures, down := l.status.Attempts, time.Since(l.status.Since)
	l.conn = conn
	l.status.Attempts = 0
	l.status.Connects++
	l.mu.Unlock()
	l.enter(connectors.Connected, "")
	l.log.Info("stream up", "failed_attempts", failures, "dial_time", down.Round(time.Millisecond))
}

// wait sleeps for as long as the backoff says, or until ctx ends. The first
// failure and every new reason are logged; repetitions only at debug.
func (l *Link) wait(ctx context.Context, backoff *Backoff, err error) {
	if ctx.Err() != nil {
		return
	}
	delay, state := backoff.Next(), connectors.Waiting
	if connectors.Permanent(err) {
		delay, state = backoff.Slow, connectors.Failed
	}
	delay = max(delay, connectors.RetryAfter(err))
	l.down(err)

	problem := localPort.ReplaceAllString(err.Error(), "")
	l.mu.Lock()
	known := l.status.Attempts > 0 && l.status.Problem == problem
	l.status.Attempts++
	l.mu.Unlock()
	level := slog.LevelWarn
	switch {
	case known:
		level = slog.LevelDebug
	case state == connectors.Failed:
		level = slog.LevelError
	}
	l.log.Log(ctx, level, "stream down, trying again", "err", err, "in", delay.Round(time.Millisecond))
	l.enter(state, problem)

	connectors.Sleep(ctx, delay)
}

// localPort is our end of a TCP or UDP connection in a network error's text. It is
// another one each time, and of no use to anybody.
var localPort = regexp.MustCompile(`\S+->`)

// enter moves the link into a state. The problem stays until the stream is up
// again, so that a health check between two attempts still says what is wrong.
func (l *Link) enter(state connectors.State, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.State, l.status.Since = state, time.Now()
	switch {
	case problem != "":
		l.status.Problem = problem
	case state == connectors.Connected:
		l.status.Problem = ""
	}
}

// Status is the truth about the link now.
func (l *Link) Status() connectors.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	status := l.status
	if l.conn != nil {
		status.LastFrame = l.conn.lastFrame()
	}
	return status
}
