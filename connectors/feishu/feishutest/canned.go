package feishutest

import (
	"net/http"
	"strconv"
	"time"
)

// The failures here are for FailRoute. Each says what the platform says; Times
// and Delay can be set on what they return.

// RateLimited is HTTP 429, code 99991400: the API is called too often. reset is
// how long the platform asks to wait.
func RateLimited(reset time.Duration) Failure { return failureOf(tooManyCalls(50, reset)) }

// ChatRateLimited is 230020: too many messages into a chat.
func ChatRateLimited() Failure { return failureOf(chatRate("chat rate limit")) }

// QuotaUsedUp is HTTP 429, code 99991403: the month's calls are used up.
func QuotaUsedUp() Failure { return failureOf(quotaUsedUp()) }

// MissingScope is 99991672 with the scopes of which one is needed.
func MissingScope(scopes ...string) Failure { return failureOf(scopeMissing(nil, scopes)) }

// TokenExpired is 99991663.
func TokenExpired() Failure { return APIError(codeBadToken, textBadToken) }

// BotNotInChat is 230002: the bot was removed from the group.
func BotNotInChat() Failure { return failureOf(refuse(codeNotInChat, textNotInChat)) }

// BotDisabled is 230006: the bot's ability is off, or its version not published.
func BotDisabled() Failure { return APIError(230006, "Bot ability is not activated.") }

// UserUnavailable is 230013: the person is outside of the app's range.
func UserUnavailable() Failure { return APIError(230013, "Bot has NO availability to this user.") }

// Muted is 230018: the group lets only some people speak.
func Muted() Failure {
	return APIError(230018, "These operations are NOT allowed at current group settings.")
}

// MessageRecalled is 230011: what is replied to was recalled.
func MessageRecalled() Failure { return APIError(codeRecalled, goneTexts[codeRecalled]) }

// MessageDeleted is 230110: what is replied to was deleted.
func MessageDeleted() Failure { return APIError(codeDeleted, goneTexts[codeDeleted]) }

// MessageInFlight is 230049: a request with the same uuid is under way.
func MessageInFlight() Failure { return APIError(codeSending, "The message is being sent.") }

// Sensitive is 230028: the text did not pass the tenant's audit.
func Sensitive() Failure { return APIError(230028, "The messages do NOT pass the audit.") }

// TooLong is 230025.
func TooLong() Failure { return failureOf(tooLong()) }

// EditedTooOften is 230072 of an edit.
func EditedTooOften() Failure {
	return APIError(codeEditedTooOften, "The message has reached the number of times it can be edited.")
}

// CardTooOld is 230031 of a card's update.
func CardTooOld() Failure {
	return APIError(codeCardTooOld, "Message has expired when updating message, "+
		"ext=Message can only be updated within fourteen days.")
}

// CardFailed is 230099 with a code of the card's own inside, for instance 11310
// and "card table number over limit".
func CardFailed(code int, msg string) Failure { return failureOf(cardFailed(code, msg)) }

// StreamingTimedOut is 200850: the card has streamed for too long.
func StreamingTimedOut() Failure {
	return APIError(codeStreamingTimeout, "ErrMsg: card streaming timeout; ")
}

// StreamingClosed is 300309: the card does not stream.
func StreamingClosed() Failure {
	return APIError(codeStreamingClosed, "ErrMsg: streaming mode is closed; ")
}

// SequenceRefused is 300317: the sequence did not grow.
func SequenceRefused() Failure {
	return APIError(codeSequence, "ErrMsg: sequence number compare failed; ")
}

// CardInternal is 300120: CardKit failed, and may work later.
func CardInternal() Failure { return APIError(300120, "Server Internal Error") }

// Internal is 2200: the platform failed, and may work later.
func Internal() Failure {
	f := APIError(2200, "Internal Error")
	f.Status = http.StatusInternalServerError
	return f
}

// BadGateway is HTTP 502 with a page that is no JSON.
func BadGateway() Failure {
	return Failure{
		Status: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}},
		Body: "<html><body>502 Bad Gateway</body></html>",
	}
}

// Lost serves the request and cuts the connection before its response.
func Lost() Failure { return Failure{LoseResponse: true} }

func failureOf(no *refusal) Failure {
	status := no.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	return Failure{Status: status, api: no}
}

func tooManyCalls(limit int, reset time.Duration) *refusal {
	return &refusal{
		status: http.StatusTooManyRequests,
		code:   codeRateLimit,
		msg:    "request trigger frequency limit",
		header: http.Header{
			"X-Ogw-Ratelimit-Limit": {strconv.Itoa(limit)},
			"X-Ogw-Ratelimit-Reset": {strconv.Itoa(int((reset + time.Second - 1) / time.Second))},
		},
	}
}

func quotaUsedUp() *refusal {
	return &refusal{
		status: http.StatusTooManyRequests, code: codeQuota,
		msg: "This month's API call quota has been exceeded", // the text is UNVERIFIED
	}
}

func chatRate(ext string) *refusal {
	return refuse(codeChatRate, "This operation triggers the frequency limit, ext="+ext)
}
