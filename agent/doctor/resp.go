package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// respConn speaks the few words of Redis' protocol (RESP2) that a diagnosis needs. The
// store's own client is not used: it tries again, and it wraps the one reason that we
// want in several others.
type respConn struct {
	net.Conn
	in *bufio.Reader
}

// redisError is what Redis answers in place of a result.
type redisError string

func (e redisError) Error() string { return string(e) }

// code is its first word: NOAUTH, WRONGPASS, READONLY, …
func (e redisError) code() string {
	word, _, _ := strings.Cut(string(e), " ")
	return word
}

// dialRedis connects; a config for TLS makes it speak that.
func dialRedis(ctx context.Context, network, addr string, secure *tls.Config) (*respConn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	if secure != nil {
		wrapped := tls.Client(conn, secure)
		if err := wrapped.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = wrapped
	}
	return &respConn{Conn: conn, in: bufio.NewReader(conn)}, nil
}

// text sends a command whose answer is a text or a number.
func (c *respConn) text(args ...string) (string, error) {
	list, err := c.do(args...)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fmt.Errorf("%d values were answered, not one", len(list))
	}
	return list[0], nil
}

// do sends a command. What is answered comes as a flat list; a single value is a list
// of one, nothing is an empty one.
func (c *respConn) do(args ...string) ([]string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := io.WriteString(c.Conn, b.String()); err != nil {
		return nil, err
	}
	return readReply(c.in, 0)
}

// The bounds of an answer. INFO is the longest that is asked for, and has a few KiB.
const (
	maxReply = 1 << 20 // bytes of one text
	maxItems = 1024    // of one list
	maxDepth = 3
)

var errReply = errors.New("this is not an answer of Redis")

// readReply reads one answer.
func readReply(in *bufio.Reader, depth int) ([]string, error) {
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+', ':':
		return []string{rest}, nil
	case '-':
		return nil, redisError(rest)
	case '$':
		return readBulk(in, rest)
	case '*':
		n, err := strconv.Atoi(rest)
		if err != nil || n > maxItems || depth >= maxDepth {
			return nil, errReply
		}
		var list []string
		for range n { // -1, the nil list, is empty
			items, err := readReply(in, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, items...)
		}
		return list, nil
	}
	return nil, errReply
}

// readLine reads to the end of a line; it has at least one byte.
func readLine(in *bufio.Reader) (string, error) {
	raw, err := in.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return "", errReply
		}
		return "", err
	}
	line, ok := strings.CutSuffix(string(raw), "\r\n")
	if !ok || line == "" {
		return "", errReply
	}
	return line, nil
}

func readBulk(in *bufio.Reader, length string) ([]string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n > maxReply {
		return nil, errReply
	}
	if n < 0 {
		return nil, nil
	}
	raw := make([]byte, n+len("\r\n"))
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, err
	}
	if string(raw[n:]) != "\r\n" {
		return nil, errReply
	}
	return []string{string(raw[:n])}, nil
}
