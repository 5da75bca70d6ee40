package model

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"
)

// What is read of one response.
const (
	maxAnswer = 64 << 20 // bytes; a model that thinks long sends many small events
	maxEvent  = 4 << 20  // bytes of one event, or of an answer that comes whole
	maxFault  = 64 << 10 // bytes of a response that is an error
)

// exchange is one request and its response. The SDK says where a request goes, how
// it is written and with which key; what comes back is read here, because the SDK
// swallows the comments, the errors that are not quite OpenAI's, and what it has no
// field for.
type exchange struct {
	http *http.Client

	sent       bool
	status     int // 0 where there was no response
	retryAfter time.Duration
	failed     []byte  // the body of a response that is an error; nil for none
	events     *events // the body of any other
}

// Do implements openai.HTTPDoer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.sent = true
	resp, err := x.http.Do(req)
	if err != nil {
		return nil, err
	}
	x.status = resp.StatusCode
	x.retryAfter = retryAfter(resp.Header, time.Now())
	if resp.StatusCode >= 400 {
		// The SDK would leave this body open.
		x.failed, _ = io.ReadAll(io.LimitReader(resp.Body, maxFault))
		_ = resp.Body.Close()
		x.failed = append(x.failed, '\n') // said nothing, but was there
		resp.Body = io.NopCloser(bytes.NewReader(x.failed))
		return resp, nil
	}
	bounded := io.LimitReader(resp.Body, maxAnswer)
	x.events = &events{lines: bufio.NewReader(bounded)}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bounded, resp.Body}
	return resp, nil
}

// events reads server-sent events, or the one JSON object that some endpoints send
// in their place: an error with status 200, or an answer that nobody asked to have
// whole.
type events struct {
	lines *bufio.Reader
	begun bool // a line was read
	some  bool // an event was read
	all   bool // it was one JSON object in place of events
}

var (
	errDone    = errors.New("[DONE]")
	errTooMuch = &fault{message: "an event is larger than anybody needs"}
)

// next is the data of the next event; nil for a line that says nothing, such as a
// comment. Events of several data lines are nobody's, so each line is one. After
// [DONE] it returns errDone, and without it io.EOF at the end.
func (e *events) next() (data []byte, err error) {
	line, err := e.line()
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	if !e.begun {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	line = bytes.TrimSpace(line)
	if !e.begun && len(line) > 0 {
		e.begun = true
		if line[0] == '{' || line[0] == '[' {
			return e.whole(line)
		}
	}
	data, ok := bytes.CutPrefix(line, []byte("data:"))
	if !ok {
		return nil, nil
	}
	data = bytes.TrimSpace(data)
	if string(data) == "[DONE]" {
		return nil, errDone
	}
	e.some = e.some || len(data) > 0
	return data, nil
}

// line is the next line, of bounded length; it is good until the one after it.
func (e *events) line() (line []byte, err error) {
	for {
		part, err := e.lines.ReadSlice('\n')
		if line == nil && !errors.Is(err, bufio.ErrBufferFull) {
			return part, err
		}
		if line = append(line, part...); len(line) > maxEvent {
			return nil, errTooMuch
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// whole is the JSON object that begins with line and fills the response.
func (e *events) whole(line []byte) ([]byte, error) {
	data := bytes.Clone(line)
	rest, err := io.ReadAll(io.LimitReader(e.lines, maxEvent))
	if err != nil {
		return nil, err
	}
	e.some, e.all = true, true
	return append(append(data, '\n'), rest...), nil
}

// drain reads what is left behind [DONE], a few bytes: only a response that was read
// to its end leaves its connection to the next request.
func (e *events) drain() {
	_, _ = io.CopyN(io.Discard, e.lines, 4<<10)
}
