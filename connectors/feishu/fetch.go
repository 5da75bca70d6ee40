package feishu

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

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
)

const (
	fetchTime  = 30 * time.Second // for a file, however often it is tried
	fetchTries = 3
	maxRefusal = 64 << 10 // bytes of an answer that is no file
)

// fetchOp names the call in errors.
const fetchOp = "fetch file"

// Fetch returns the content of a file that came with ev. Of more than limit bytes it
// is a Fatal error, and so is what the platform will not give (fetchRefusals).
func (c *Connector) Fetch(ctx context.Context, ev connectors.Event, f connectors.File, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	address, err := c.resource(f.Ref)
	if err != nil {
		return nil, err
	}
	c.spend(ctx)
	var content []byte
	err = connectors.Retry(ctx, fetchTries, func() error {
		content, err = c.download(ctx, address, limit)
		return explained(err)
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}

// resource is the URL of what refOf has named. It is at the endpoint, whatever a
// message says.
func (c *Connector) resource(ref string) (string, error) {
	parts := strings.Split(ref, "/")
	if len(parts) != 3 || parts[0] != "image" && parts[0] != "file" || refOf(parts[1], parts[0], parts[2]) != ref {
		return "", &connectors.Error{Op: fetchOp, Message: "the file has no key to fetch it by", Fatal: true}
	}
	return c.config.Endpoint + "/open-apis/im/v1/messages/" + url.PathEscape(parts[1]) +
		"/resources/" + url.PathEscape(parts[2]) + "?type=" + parts[0], nil
}

// download makes one try.
func (c *Connector) download(ctx context.Context, address string, limit int64) (content []byte, err error) {
	large := false
	err = c.api.paced(ctx, fetchOp, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := c.request(ctx, address, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		answer := &larkcore.ApiResp{StatusCode: resp.StatusCode, Header: resp.Header}
		if resp.StatusCode != http.StatusOK {
			return answer, refusedWith(resp), nil
		}
		if large = resp.ContentLength > limit; large {
			return answer, larkcore.CodeError{}, nil
		}
		content, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		if err != nil {
			return nil, larkcore.CodeError{}, fmt.Errorf("read file: %w", err)
		}
		large = int64(len(content)) > limit
		return answer, larkcore.CodeError{}, nil
	})
	switch {
	case err != nil:
		return nil, err
	case large:
		return nil, &connectors.Error{
			Op: fetchOp, Message: "the file has more than " + strconv.FormatInt(limit, 10) + " bytes", Fatal: true, Err: connectors.ErrTooLarge,
		}
	}
	return content, nil
}

// request asks for a file. The SDK would keep all of it in memory, of whatever size.
func (c *Connector) request(ctx context.Context, address string, option larkcore.RequestOptionFunc) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	var with larkcore.RequestOption
	option(&with)
	req.Header.Set("Authorization", "Bearer "+with.TenantAccessToken)
	return c.files.Do(req)
}

// newFiles makes the client that files are fetched with. It has no bound of its own,
// and does not follow the platform to other hosts.
func newFiles(proxy connectors.Proxy) *http.Client {
	return &http.Client{Transport: connectors.NewTransport(proxy), CheckRedirect: connectors.Stay}
}

// refusedWith is the code of an answer that is no file; 0 where it has none.
func refusedWith(resp *http.Response) larkcore.CodeError {
	var code larkcore.CodeError
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil || json.Unmarshal(raw, &code) != nil {
		return larkcore.CodeError{}
	}
	return code
}

// fetchRefusals are the platform's reasons not to give a file, for the operator. None
// of them passes.
var fetchRefusals = map[string]string{
	"230110": "the message was deleted",
	"234001": "the request is not as it should be",
	"234002": "the app may not read this message: it lacks im:message:readonly, or is not in the chat",
	"234003": "the file is not in this message",
	"234004": "the bot is not in the chat",
	"234009": "the group is external, and the app is not shared with others",
	"234019": "the message cannot be read by the bot",
	"234037": "the file has more than 100 MB",
	"234038": "the chat is in restricted mode",
	"234040": "the message is from before the bot came, and the group hides its history",
	"234041": "the tenant has withdrawn its encryption key",
	"234042": "the message's encryption does not let the bot read it",
	"234043": "files of this kind of message cannot be fetched",
}

// explained is err with what it means.
func explained(err error) error {
	var e *connectors.Error
	if !errors.As(err, &e) {
		return err
	}
	reason, known := fetchRefusals[e.Code]
	if !known {
		return err
	}
	return clearer(e, reason)
}
