package tools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// pipe is the connection to a process: one message a line. The SDK's own has no
// patience with what real programs print to stdout, waits without end for one that
// does not read, and gives up the connection for one message that is too long.
type pipe struct {
	in    *os.File // the process reads this; only write touches it, and Close
	out   *lines   // the process writes this; only Read touches it
	file  *os.File // below out, for its deadline
	link  *link
	log   *slog.Logger
	clean func(text string, n int) string // one line, without secrets
	max   int                             // bytes of a message
	flow  meter                           // only Read touches it
	stray int                             // lines that were no messages; only Read touches it

	asked   atomic.Int32   // requests of the process without an answer
	outbox  chan *outgoing // to the writing goroutine
	closed  chan struct{}  // closed by Close
	closing sync.Once      // guards closed
	writing sync.WaitGroup // the writing goroutine
}

// outgoing is a message on its way to the process.
type outgoing struct {
	ctx  context.Context
	line []byte
	done chan error // takes the outcome without blocking
}

const (
	// maxAsked is how many requests a process may leave us to answer.
	maxAsked = 32
	// maxStray is how many lines that are no messages are logged.
	maxStray = 10
	// writeWithin is how long a process may leave a message unread.
	writeWithin = 10 * time.Second
	// edge is what is kept of the ends of a line that is too long.
	edge = 256
)

// errFlood ends a connection to a server that sends more than anybody can use.
var errFlood = fmt.Errorf("%w: the server sends too much", errEnded)

func newPipe(in, out *os.File, l *link, s *server) *pipe {
	max := s.limits.frame
	return &pipe{
		in: in, file: out, out: newLines(out, max), link: l, log: s.log, clean: s.line, max: max,
		flow:   meter{burst: 16 * max, rate: max},
		outbox: make(chan *outgoing),
		closed: make(chan struct{}),
	}
}

// Connect implements mcp.Transport.
func (p *pipe) Connect(context.Context) (mcp.Connection, error) {
	p.writing.Go(p.write)
	return p, nil
}

// SessionID implements mcp.Connection.
func (p *pipe) SessionID() string { return "" }

// Close closes what the process reads, which asks it to end, and ends Read. It may
// be called several times.
func (p *pipe) Close() error {
	p.closing.Do(func() {
		close(p.closed)
		p.in.Close()
		p.file.SetReadDeadline(time.Now())
	})
	return nil
}

// Read implements mcp.Connection. It returns the next message that concerns us.
func (p *pipe) Read(ctx context.Context) (jsonrpc.Message, error) {
	for {
		line, length, err := p.out.next()
		if err != nil {
			return nil, errors.Join(errEnded, endOf(err))
		}
		if !p.flow.take(length) {
			p.link.lose(errFlood)
			return nil, errFlood
		}
		p.link.hear()
		if length > p.max {
			if answer := instead(line, errTooLong); answer != nil {
				return answer, nil
			}
			return nil, fmt.Errorf("%w: a message of %s", errEnded, size(int64(length)))
		}
		message, err := decode(line)
		if err != nil {
			p.strayed(line)
			continue
		}
		if request, ok := message.(*jsonrpc.Request); ok && !p.wanted(request) {
			continue
		}
		if p.asked.Load() > maxAsked {
			return nil, errFlood
		}
		return message, nil
	}
}

// decode reads one message. An answer that cannot be read is an answer that says so.
func decode(line []byte) (jsonrpc.Message, error) {
	if len(line) == 0 || line[0] != '{' {
		return nil, errors.New("not an object")
	}
	message, err := jsonrpc.DecodeMessage(line)
	if err != nil {
		if answer := instead(line, errUnreadable); answer != nil {
			return answer, nil
		}
	}
	return message, err
}

// endOf is a read error that says something; the end of the file does not.
func endOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// wanted reports whether the SDK is to see what the process asks or tells. It keeps
// what it is shown without bound, so it is shown little.
func (p *pipe) wanted(request *jsonrpc.Request) bool {
	if request.IsCall() {
		p.asked.Add(1)
		return true
	}
	return request.Method == methodListChanged && p.link.pending.CompareAndSwap(false, true)
}

// strayed logs a line that is no message. Many programs print such.
func (p *pipe) strayed(line []byte) {
	if len(line) == 0 {
		return
	}
	if p.stray++; p.stray <= maxStray {
		p.log.Debug("tool server printed what is no message", "line", p.clean(string(line), edge))
	}
}

// Write implements mcp.Connection.
func (p *pipe) Write(ctx context.Context, message jsonrpc.Message) error {
	line, err := jsonrpc.EncodeMessage(message)
	if err != nil {
		return err
	}
	if _, ok := message.(*jsonrpc.Response); ok {
		defer p.asked.Add(-1)
	}
	o := &outgoing{ctx, append(line, '\n'), make(chan error, 1)}
	select {
	case p.outbox <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.closed:
		return errEnded
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write writes one message after the other, until Close. A message is written as a
// whole or, if nobody waits for it by then, not at all.
func (p *pipe) write() {
	for {
		select {
		case <-p.closed:
			return
		case o := <-p.outbox:
			if err := o.ctx.Err(); err != nil {
				o.done <- err
				continue
			}
			p.in.SetWriteDeadline(time.Now().Add(writeWithin))
			if _, err := p.in.Write(o.line); err != nil {
				o.done <- errors.Join(errEnded, err)
				p.Close() // what was written of the line cannot be taken back
				return
			}
			o.done <- nil
		}
	}
}

// The places of an answer's id that programs use: they write it before the result, or
// at the very end.
var (
	idFirst = regexp.MustCompile(`^\{(?:"jsonrpc":\s*"2\.0",\s*)?"id":\s*(\d{1,15}),`)
	idLast  = regexp.MustCompile(`"id":\s*(\d{1,15})\s*(?:,\s*"jsonrpc":\s*"2\.0"\s*)?\}\s*$`)
)

// instead is the answer that stands for one that was not read, so that only its call
// fails; nil if it cannot be told whose it was. The ends of the line are enough.
func instead(line []byte, why *jsonrpc.Error) *jsonrpc.Response {
	found := idFirst.FindSubmatch(line)
	if found == nil {
		found = idLast.FindSubmatch(line[max(0, len(line)-edge):])
	}
	if found == nil {
		return nil
	}
	number, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return nil
	}
	id, err := jsonrpc.MakeID(number)
	if err != nil {
		return nil
	}
	return &jsonrpc.Response{ID: id, Error: why}
}

// What stands in the place of an answer that was not read.
var (
	errTooLong    = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the result is too large to be read"}
	errUnreadable = &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the result cannot be read"}
)
