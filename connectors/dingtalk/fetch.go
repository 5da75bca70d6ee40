package dingtalk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"longwire/connectors"
)

// fileHosts are the domains that files are got from, by https: DingTalk's own and
// those of its object store, where download URLs lead in the field. The configured
// endpoint's host is allowed beside them.
var fileHosts = []string{"dingtalk.com", "aliyuncs.com"}

const (
	fileTime  = 30 * time.Second // one file, all tries
	fileTries = 3
	maxHops   = 3 // redirects within the allowed hosts
)

// Fetch gets the content of a file that came with ev: DingTalk gives a URL for the
// file's download code, and the URL gives the bytes. A file of more than limit bytes,
// a code that DingTalk does not know any more, and a URL that leads elsewhere are
// Permanent errors.
func (c *Connector) Fetch(ctx context.Context, ev connectors.Event, f connectors.File, limit int64) ([]byte, error) {
	const op = "fetch file"
	var to address
	if err := json.Unmarshal(ev.Address, &to); err != nil {
		return nil, &connectors.Error{Op: op, Message: "the event's address cannot be read", Fatal: true, Err: err}
	}
	if f.Ref == "" {
		return nil, &connectors.Error{Op: op, Message: "the file has no download code", Fatal: true}
	}
	if f.Size > limit {
		return nil, fileTooLarge(limit)
	}
	ctx, cancel := context.WithTimeout(ctx, c.files.Timeout)
	defer cancel()
	var content []byte
	err := connectors.Retry(ctx, fileTries, func() error {
		link, err := c.fileURL(ctx, to, f.Ref)
		if err == nil {
			content, err = c.download(ctx, link, limit)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return content, nil
}

// fileURL asks where a file is: POST /v1.0/robot/messageFiles/download (developer
// documentation). An unknown or expired code is a 400
// invalidParameter.robotCode.downloadCode.
func (c *Connector) fileURL(ctx context.Context, to address, code string) (string, error) {
	const op = "get download url"
	robot := to.RobotCode
	if robot == "" {
		robot = c.config.RobotCode
	}
	var answer linkAnswer
	if err := c.turn(ctx, "download"); err != nil {
		return "", &connectors.Error{Op: op, Err: err}
	}
	body := map[string]string{"downloadCode": code, "robotCode": robot}
	if err := c.api.call(ctx, op, "/v1.0/robot/messageFiles/download", body, &answer); err != nil {
		return "", err
	}
	return answer.URL, nil
}

type linkAnswer struct {
	URL string `json:"downloadUrl"`
}

func (l *linkAnswer) check(op string) error {
	if l.URL == "" {
		return &connectors.Error{Op: op, Message: "the answer holds no downloadUrl"}
	}
	return nil
}

// download gets at most limit bytes from a URL that needs no token, and is sent none.
func (c *Connector) download(ctx context.Context, link string, limit int64) (content []byte, err error) {
	const op = "download"
	began, answered := time.Now(), false
	defer func() { c.api.measure(op, began, answered, err) }()
	where, err := url.Parse(link)
	if err != nil {
		return nil, &connectors.Error{Op: op, Message: "the downloadUrl is no URL", Fatal: true}
	}
	if err := c.fileHost(where); err != nil {
		return nil, &connectors.Error{Op: op, Fatal: true, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where.String(), nil)
	if err != nil {
		return nil, &connectors.Error{Op: op, Fatal: true, Err: connectors.WithoutURL(err)}
	}
	req.Header.Set("Accept-Encoding", "identity") // a file as it is, and no bomb
	resp, err := c.files.Do(req)
	if err != nil {
		return nil, &connectors.Error{Op: op, Fatal: errors.Is(err, errElsewhere), Err: connectors.WithoutURL(err)}
	}
	defer func() { _ = resp.Body.Close() }()
	answered = true
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, &connectors.Error{Op: op, Code: "HTTP " + strconv.Itoa(resp.StatusCode), Fatal: resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests}
	case resp.ContentLength > limit:
		return nil, fileTooLarge(limit)
	}
	content, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case int64(len(content)) > limit:
		return nil, fileTooLarge(limit)
	case err != nil:
		return nil, &connectors.Error{Op: op, Err: fmt.Errorf("read file: %w", err)}
	}
	return content, nil
}

func fileTooLarge(limit int64) error {
	return &connectors.Error{Op: "download", Code: "too large", Message: fmt.Sprintf("the file has more than %d bytes", limit), Fatal: true, Err: connectors.ErrTooLarge}
}

// errElsewhere says that a file is not where DingTalk keeps files.
var errElsewhere = errors.New("the file is not on a host of DingTalk's")

// fileHost reports whether a file may be got from where, and makes an http URL of
// DingTalk's an https one: their signatures are good for both, and the documentation's
// sample is the former.
func (c *Connector) fileHost(where *url.URL) error {
	if endpoint, err := url.Parse(c.config.Endpoint); err == nil && where.Scheme == endpoint.Scheme && where.Host == endpoint.Host {
		return nil
	}
	if where.User != nil || (where.Scheme != "http" && where.Scheme != "https") {
		return errElsewhere
	}
	if port := where.Port(); port != "" && port != "80" && port != "443" {
		return errElsewhere
	}
	for _, host := range fileHosts {
		if strings.HasSuffix("."+strings.ToLower(where.Hostname()), "."+host) {
			where.Scheme, where.Host = "https", where.Hostname()
			return nil
		}
	}
	return errElsewhere
}

// newFiles is the client that gets files. It shares the connections of the API's.
func (c *Connector) newFiles() *http.Client {
	return &http.Client{
		Timeout:   fileTime,
		Transport: c.api.http.Transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > maxHops {
				return fmt.Errorf("%w: it redirects again and again", errElsewhere)
			}
			req.Header.Del("Referer") // the URL before it, which is a key to the file
			return c.fileHost(req.URL)
		},
	}
}
