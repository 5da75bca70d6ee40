package dingtalktest

import "net/http"

// The failures below are answers of the platform as they are documented or were
// seen, ready for FailRoute. Set Times, and Commit where the request is to take
// effect all the same.

// FailPermission is 403 for want of permissions, which it names.
func FailPermission(scopes ...string) Failure { return failWith(errPermission(scopes...)) }

// FailToken is 400 InvalidAuthentication, for a token that the platform forgot.
func FailToken() Failure { return failWith(errToken()) }

// FailThrottled is 403 for more calls in a second than the app may make of one API.
// Retryable, although Forbidden.
func FailThrottled() Failure { return failWith(errThrottled()) }

// FailThrottledAs is 403 with another of the documented throttles, such as
// QpmLimitForAppkeyAndApi or QpsLimitForApi.
func FailThrottledAs(reason string) Failure {
	return failWith(denied(reason, "接口调用超过限流阈值"))
}

// FailOutOfCalls is 403 for a month's calls that are used up (the status is
// UNVERIFIED).
func FailOutOfCalls() Failure { return failWith(errOutOfCalls()) }

// FailIP is 403 for a client whose address the app does not allow.
func FailIP() Failure { return failWith(denied("IpNotInWhiteList", "访问ip不在白名单之中")) }

// FailGateway is 504, no answer from behind the gateway within 3 s (documented; the
// body is UNVERIFIED).
func FailGateway() Failure {
	return Failure{Status: http.StatusGatewayTimeout, Body: "upstream request timeout"}
}

// FailBusy is 500 system.busy, of the card API.
func FailBusy() Failure {
	return failWith(Problem{http.StatusInternalServerError, "system.busy", "system.busy"}.problem())
}

// FailUnknown is 500 unknownError, as the card API answers many mistakes (field).
func FailUnknown() Failure { return failWith(unknownError().problem()) }

// FailSystem is 500 system.error, of the robot API.
func FailSystem() Failure {
	return failWith(Problem{http.StatusInternalServerError, "system.error", "系统错误"}.problem())
}

// FailUnsafe is 400 param.contentUnsafe, a card whose content is refused.
func FailUnsafe() Failure {
	return FailCode(http.StatusBadRequest, "param.contentUnsafe", "param.contentUnsafe")
}

// FailCode is any error of api.dingtalk.com.
func FailCode(status int, code, message string) Failure {
	return failWith(Problem{status, code, message}.problem())
}

// FailBanned is HTTP 200 with the body of an address ban (documented; the status is
// UNVERIFIED).
func FailBanned() Failure {
	return failBody(http.StatusOK, "application/json;charset=utf-8", `{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"7724109aea434aa2b80387d82c5aaee6"}`)
}

// FailHTML is HTTP 200 with a page, the ban's other form (documented) and what
// proxies put in between.
func FailHTML() Failure {
	return failBody(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><html><head><title>访问被拦截</title></head><body>denied</body></html>")
}

// FailErrcode is HTTP 200 with an errcode, for PathWebhook: 430104 for content that
// is refused, 410100 for sending too fast, -1 for a platform that is busy.
func FailErrcode(code int, message string) Failure {
	return failBody(http.StatusOK, "application/json;charset=utf-8", string(encode(errcode{code, message})))
}

func failWith(p *problem) Failure {
	return failBody(p.status, "application/json;charset=utf-8", string(encode(p)))
}

func failBody(status int, contentType, body string) Failure {
	return Failure{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
}
