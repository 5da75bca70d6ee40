package dingtalk

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"longwire/connectors"
)

// gate keeps us from an API that is not open to the app: for lack of a permission, of
// a template, or of calls left this month. It is asked again now and then.
type gate struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
	told  string    // the code that the operator was told of last; guarded by mu
}

// gateTime is how long a gate stays shut.
const gateTime = time.Hour

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !time.Now().Before(g.until)
}

// saw notes how a call has ended, and shuts the gate if err says that the API is not
// open to the app. The operator is told once, however often it is found shut again.
func (g *gate) saw(log *slog.Logger, err error) {
	var e *connectors.Error
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.told = ""
	case errors.As(err, &e) && closedToUs(e.Code):
		g.until = time.Now().Add(gateTime)
		if g.told != e.Code {
			g.told = e.Code
			log.Error("DingTalk does not let the app do this, going without it", "again", gateTime, "err", err)
		}
	}
}

// closedToUs reports whether a code is about the app and not about one call.
func closedToUs(code string) bool {
	switch code {
	case "param.templateNotExist", "param.templateUnpublished":
		return true
	}
	return strings.HasSuffix(code, ".AccessTokenPermissionDenied") || // the message names the permission
		strings.HasSuffix(code, ".ApiCountLimitForOrg") || // the month's calls are used up
		strings.HasSuffix(code, ".IpNotInWhiteList")
}
