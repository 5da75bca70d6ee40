package dingtalktest

import (
	"net"
	"sync"
)

// listener hands out wires and can close all of them. net/http loses sight of a
// connection once it is a websocket, and of one accepted just as it closes; this
// list has them all.
type listener struct {
	net.Listener

	mu     sync.Mutex
	closed bool
	open   map[*wire]struct{}
}

// Accept waits for the next connection.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close()
		return nil, net.ErrClosed
	}
	w := &wire{Conn: c, listener: l, gone: make(chan struct{})}
	l.open[w] = struct{}{}
	return w, nil
}

// closeAll closes the listener and every connection it ever accepted.
func (l *listener) closeAll() {
	_ = l.Close()
	l.mu.Lock()
	l.closed = true
	wires := make([]*wire, 0, len(l.open))
	for w := range l.open {
		wires = append(wires, w)
	}
	l.mu.Unlock()
	for _, w := range wires {
		_ = w.Close()
	}
}

// wire is a TCP connection that can be stalled and reset. It embeds the interface
// and not the TCP type: the latter's ReadFrom and vectored writes would go past
// the stall.
type wire struct {
	net.Conn
	listener *listener
	closing  sync.Once
	gone     chan struct{} // closed by Close

	mu      sync.Mutex
	stalled chan struct{} // closed at the end of the stall; nil when there is none
}

// Read reads, but hands over nothing while the wire is stalled, not even the end
// of the connection.
func (w *wire) Read(p []byte) (int, error) {
	w.pass()
	n, err := w.Conn.Read(p)
	w.pass()
	return n, err
}

// Write writes, after the stall if there is one.
func (w *wire) Write(p []byte) (int, error) {
	w.pass()
	return w.Conn.Write(p)
}

// Close closes the connection, stalled or not.
func (w *wire) Close() error {
	var err error
	w.closing.Do(func() {
		close(w.gone)
		err = w.Conn.Close()
		w.listener.mu.Lock()
		delete(w.listener.open, w)
		w.listener.mu.Unlock()
	})
	return err
}

// reset closes the connection so that the other side sees a TCP RST.
func (w *wire) reset() {
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = w.Close()
}

// pass waits for the end of a stall or of the connection.
func (w *wire) pass() {
	w.mu.Lock()
	stalled := w.stalled
	w.mu.Unlock()
	if stalled == nil {
		return
	}
	select {
	case <-stalled:
	case <-w.gone:
	}
}

// stall begins a stall.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled == nil {
		w.stalled = make(chan struct{})
	}
}

// unstall ends it.
func (w *wire) unstall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled != nil {
		close(w.stalled)
		w.stalled = nil
	}
}
