package dingtalktest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
)

// cardParams are the variables of a card, all of which are strings (documented:
// objects and arrays are JSON in a string, booleans "true" and "false").
type cardParams map[string]string

// UnmarshalJSON refuses what is no string, null included.
func (p *cardParams) UnmarshalJSON(raw []byte) error {
	var values map[string]any
	if err := json.Unmarshal(raw, &values); err != nil {
		return err
	}
	if values == nil {
		return nil
	}
	*p = make(cardParams, len(values))
	for name, v := range values {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("the value of %q in cardParamMap is not a string", name)
		}
		(*p)[name] = text
	}
	return nil
}

// cardValues is the object around them.
type cardValues struct {
	Params cardParams `json:"cardParamMap"`
}

// spaceModel is what a card may do in a kind of space (alibaba-go).
type spaceModel struct {
	SupportForward  bool              `json:"supportForward"`
	LastMessageI18n map[string]string `json:"lastMessageI18n"`
	SearchSupport   any               `json:"searchSupport"`
	Notification    any               `json:"notification"`
}

// cardBody is what PathCards and PathCreateAndDeliver take alike (documented).
type cardBody struct {
	TemplateID    string                `json:"cardTemplateId"`
	OutTrackID    string                `json:"outTrackId"`
	CallbackType  string                `json:"callbackType"`
	CallbackRoute string                `json:"callbackRouteKey"`
	Public        *cardValues           `json:"cardData"`
	Private       map[string]cardValues `json:"privateData"`
	AtUsers       []string              `json:"cardAtUserIds"`
	UserID        string                `json:"userId"`
	UserIDType    int                   `json:"userIdType"`
	GroupSpace    *spaceModel           `json:"imGroupOpenSpaceModel"`
	RobotSpace    *spaceModel           `json:"imRobotOpenSpaceModel"`
	DynamicData   any                   `json:"openDynamicDataConfig"`
}

// cardTarget is where a card is to go, of PathDeliver and PathCreateAndDeliver
// (documented).
type cardTarget struct {
	OpenSpaceID string        `json:"openSpaceId"`
	Group       *groupDeliver `json:"imGroupOpenDeliverModel"`
	Robot       *robotDeliver `json:"imRobotOpenDeliverModel"`
}

type groupDeliver struct {
	RobotCode  string            `json:"robotCode"`
	AtUsers    map[string]string `json:"atUserIds"`
	Recipients []string          `json:"recipients"`
	Extension  map[string]string `json:"extension"`
}

// robotDeliver may come without robotCode (Python SDK).
type robotDeliver struct {
	SpaceType string            `json:"spaceType"`
	RobotCode string            `json:"robotCode"`
	Extension map[string]string `json:"extension"`
}

// cardProblem is an error of the card API, whose message is often its code (field).
func cardProblem(code string) *problem { return newProblem(code, code) }

// readCard reads a card call's body, or answers 400 and returns false. Which code a
// body has that cannot be read is UNVERIFIED; an empty one is param.empty
// (documented).
func readCard(w http.ResponseWriter, r *http.Request, v any) ([]byte, bool) {
	if r.ContentLength == 0 {
		writeProblem(w, http.StatusBadRequest, "param.empty", "param.empty")
		return nil, false
	}
	return readRawOr(w, r, v, "param.invalid")
}

// checkUserIDType allows 1 (userId, the default) and 2 (unionId) (documented).
func checkUserIDType(kind int) *problem {
	if kind < 0 || kind > 2 {
		return newProblem("param.invalid", "userIdType is 1 or 2")
	}
	return nil
}

// check says what is wrong with a new card, but for its template.
func (b *cardBody) check() *problem {
	switch {
	case b.TemplateID == "":
		return cardProblem("param.cardTemplateIdEmpty")
	case b.OutTrackID == "":
		return cardProblem("param.outTrackIdEmpty")
	case b.Public == nil || b.Public.Params == nil:
		return cardProblem("param.cardPublicDataEmpty")
	case b.CallbackType == "HTTP" && b.CallbackRoute == "":
		return newProblem("param.invalid", "callbackType HTTP needs a callbackRouteKey")
	case b.CallbackType != "" && b.CallbackType != "HTTP" && b.CallbackType != "STREAM":
		return newProblem("param.invalid", "callbackType is STREAM or HTTP")
	}
	return checkUserIDType(b.UserIDType)
}

// checkValues says what is wrong with variables: keys have at most 100 bytes
// (documented), values Options.CardBytes, and nothing is censored. The codes for
// lengths are UNVERIFIED. The caller holds s.mu.
func (s *Server) checkValues(public *cardValues, private map[string]cardValues) *problem {
	list := make([]cardParams, 0, 1+len(private))
	if public != nil {
		list = append(list, public.Params)
	}
	for _, v := range private {
		list = append(list, v.Params)
	}
	for _, params := range list {
		for name, value := range params {
			switch {
			case len(name) > 100:
				return newProblem("param.invalid", "a key of cardParamMap is too long")
			case s.opts.CardBytes > 0 && len(value) > s.opts.CardBytes:
				return newProblem("param.invalid", "the value of "+name+" is too long")
			case s.unsafeLocked(value):
				return cardProblem("param.contentUnsafe")
			}
		}
	}
	return nil
}

// assign gives a card variables: those named, or all of them when byKey is false
// (documented for updates without cardUpdateOptions).
func assign(old map[string]string, values cardParams, byKey bool) map[string]string {
	if !byKey || old == nil {
		return maps.Clone(map[string]string(values))
	}
	maps.Copy(old, values)
	return old
}
