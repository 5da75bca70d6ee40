package dingtalktest

// kinded is a content that knows the msgtype it belongs to. Every content below is
// one; any other value may stand in Message.Content too, beside a MsgType.
type kinded interface{ kind() string }

// Picture is the content of msgtype picture (documented).
type Picture struct {
	PictureDownloadCode string `json:"pictureDownloadCode,omitempty"` // in documented samples; not what is downloaded
	DownloadCode        string `json:"downloadCode"`
}

// Audio is the content of msgtype audio, 1:1 only. Duration is a number of
// milliseconds (documentation), a string of seconds (developerpedia) or nil for
// none (a sample of 2023); Recognition is absent where the platform understood
// nothing.
type Audio struct {
	Duration     any    `json:"duration,omitempty"`
	DownloadCode string `json:"downloadCode"`
	Recognition  string `json:"recognition,omitempty"`
}

// Video is the content of msgtype video, 1:1 only (documented). Duration is as for
// Audio.
type Video struct {
	Duration     any    `json:"duration,omitempty"`
	VideoType    string `json:"videoType"` // such as mp4
	DownloadCode string `json:"downloadCode"`
}

// File is the content of msgtype file, 1:1 only (documented).
type File struct {
	SpaceID      string `json:"spaceId,omitempty"`
	FileName     string `json:"fileName"`
	DownloadCode string `json:"downloadCode"`
	FileID       string `json:"fileId,omitempty"`
}

// RichText is the content of msgtype richText: texts, pictures and mentions in
// their order (documented for texts and pictures, field for the rest).
type RichText []RichItem

// RichItem is one piece of a RichText. RichWords, RichPicture and RichAt make the
// usual ones.
type RichItem struct {
	Type                string `json:"type,omitempty"` // absent for texts in documented samples
	Text                string `json:"text,omitempty"`
	PictureDownloadCode string `json:"pictureDownloadCode,omitempty"`
	DownloadCode        string `json:"downloadCode,omitempty"`
	AtName              string `json:"atName,omitempty"`
	AtUserID            string `json:"atUserId,omitempty"`
	SkillData           any    `json:"skillData,omitempty"`
}

// RichWords is a text in the form of the documented samples, {"text":"..."}. Set its
// Type to "text" for the form that the field has too.
func RichWords(text string) RichItem { return RichItem{Text: text} }

// RichPicture is a picture.
func RichPicture(downloadCode string) RichItem {
	return RichItem{Type: "picture", DownloadCode: downloadCode, PictureDownloadCode: downloadCode + "-preview"}
}

// RichAt is a mention of a person.
func RichAt(name, userID string) RichItem {
	return RichItem{Type: "at", AtName: name, AtUserID: userID}
}

// HarmonyRichText is a rich text as HarmonyOS writes it in a group: the leading
// mention of the robot is there again as a piece of text (client source; that the
// name is followed by a blank is UNVERIFIED).
func HarmonyRichText(robot string, items ...RichItem) RichText {
	return append(RichText{RichWords("@" + robot + " ")}, items...)
}

// MarshalJSON is the object around the pieces.
func (r RichText) MarshalJSON() ([]byte, error) {
	items := []RichItem(r)
	if items == nil {
		items = []RichItem{}
	}
	return encode(map[string]any{"richText": items}), nil
}

// Unknown is the content of msgtype unknownMsgType: the person sent what a robot
// does not get (documented).
type Unknown struct{}

// MarshalJSON is the sentence the platform puts there.
func (Unknown) MarshalJSON() ([]byte, error) {
	return encode(map[string]string{"unknownMsgType": "用户发送了一条消息，机器人暂不支持接收。"}), nil
}

// Markdown is the content of msgtype markdown, from another robot that mentions
// this one (field; whether a title comes along is UNVERIFIED).
type Markdown struct {
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
}

// ActionCard is the content of msgtype actionCard, from another robot (field).
type ActionCard struct {
	Title string       `json:"title,omitempty"`
	Text  string       `json:"text"`
	Items []ActionItem `json:"actionUrlItemList,omitempty"`
}

// ActionItem is a button of an ActionCard.
type ActionItem struct {
	Title string `json:"title,omitempty"`
	URL   string `json:"actionUrl"`
}

// InteractiveCard is the content of msgtype interactiveCard: another robot's card as
// a tree, or a document shared as a card, which has only a link (field).
type InteractiveCard struct {
	Card      *CardElement `json:"cardContent,omitempty"`
	Title     string       `json:"title,omitempty"`
	ActionURL string       `json:"biz_custom_action_url,omitempty"`
}

// CardElement is a node of another robot's card.
type CardElement struct {
	Type     string        `json:"elementType"`
	Value    string        `json:"value,omitempty"`
	Children []CardElement `json:"children,omitempty"`
}

// ChatRecord is the content of msgtype chatRecord: several messages forwarded as
// one. Record is a JSON array written as a string, or an array (field); a group's
// record may come with the summary alone.
type ChatRecord struct {
	Summary string `json:"summary"`
	Title   string `json:"title,omitempty"`
	Record  any    `json:"chatRecord,omitempty"`
}

func (Picture) kind() string         { return "picture" }
func (Audio) kind() string           { return "audio" }
func (Video) kind() string           { return "video" }
func (File) kind() string            { return "file" }
func (RichText) kind() string        { return "richText" }
func (Unknown) kind() string         { return "unknownMsgType" }
func (Markdown) kind() string        { return "markdown" }
func (ActionCard) kind() string      { return "actionCard" }
func (InteractiveCard) kind() string { return "interactiveCard" }
func (ChatRecord) kind() string      { return "chatRecord" }

// kindOf is the msgtype of a content with an optional explicit one.
func kindOf(msgType string, content any) string {
	if msgType != "" {
		return msgType
	}
	if k, ok := content.(kinded); ok {
		return k.kind()
	}
	return "text"
}
