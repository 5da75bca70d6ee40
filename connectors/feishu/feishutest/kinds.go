package feishutest

import (
	"encoding/json"
	"strconv"
	"time"
)

// contentOf is a Message of a kind. members are marshalled as they are.
func contentOf(msgType string, members map[string]any) Message {
	b, _ := json.Marshal(members) // strings, numbers and lists of them
	return Message{MsgType: msgType, Content: string(b)}
}

// Image is a picture; PutImage makes its key.
func Image(key string) Message { return contentOf("image", map[string]any{"image_key": key}) }

// File is an attached file; PutFile makes its key.
func File(key, name string) Message {
	return contentOf("file", map[string]any{"file_key": key, "file_name": name})
}

// Folder is an attached folder, which no API downloads.
func Folder(key, name string) Message {
	return contentOf("folder", map[string]any{"file_key": key, "file_name": name})
}

// Audio is a voice message.
func Audio(key string, length time.Duration) Message {
	return contentOf("audio", map[string]any{"file_key": key, "duration": length.Milliseconds()})
}

// Video is a film with the picture that stands for it.
func Video(key, cover, name string, length time.Duration) Message {
	return contentOf("media", map[string]any{
		"file_key": key, "image_key": cover, "file_name": name, "duration": length.Milliseconds(),
	})
}

// Sticker is a sticker, which can be sent on but not downloaded.
func Sticker(key string) Message { return contentOf("sticker", map[string]any{"file_key": key}) }

// ShareChat is a group's card.
func ShareChat(chatID string) Message {
	return contentOf("share_chat", map[string]any{"chat_id": chatID})
}

// ShareUser is a person's card.
func ShareUser(openID string) Message {
	return contentOf("share_user", map[string]any{"user_id": openID})
}

// Location is a place.
func Location(name, longitude, latitude string) Message {
	return contentOf("location", map[string]any{"name": name, "longitude": longitude, "latitude": latitude})
}

// RedPacket is a gift of money, of which only the label can be read.
func RedPacket() Message { return contentOf("hongbao", map[string]any{"text": "[红包]"}) }

// Appointment is one of the three kinds of a calendar's message: "calendar" (an
// invitation), "share_calendar_event" or "general_calendar".
func Appointment(msgType, summary string, start, end time.Time) Message {
	return contentOf(msgType, map[string]any{
		"summary": summary, "start_time": millis(start), "end_time": millis(end),
	})
}

// VideoCall is a call's message.
func VideoCall(topic string, start time.Time) Message {
	return contentOf("video_chat", map[string]any{"topic": topic, "start_time": millis(start)})
}

// Task is a to-do with a text as its summary.
func Task(id, summary string, due time.Time) Message {
	return contentOf("todo", map[string]any{
		"task_id": id, "due_time": millis(due),
		"summary": map[string]any{"title": "", "content": [][]Element{{PostText(summary)}}},
	})
}

// Vote is a poll.
func Vote(topic string, options ...string) Message {
	return contentOf("vote", map[string]any{"topic": topic, "options": options})
}

// Forward is a merged forward of messages. The children keep their own senders
// and kinds, and may be forwards themselves.
func Forward(messages ...Message) Message {
	m := contentOf("merge_forward", map[string]any{"content": "Merged and Forwarded Message"})
	m.Forwarded = messages
	return m
}

// CardSeen is a card of somebody else in the simplified form in which others read
// it: rows of elements like those of a post.
func CardSeen(title string, rows ...[]Element) Message {
	if rows == nil {
		rows = [][]Element{}
	}
	return contentOf("interactive", map[string]any{"title": title, "elements": rows})
}

// Element is one element of a received post or card: its tag and members.
type Element map[string]any

// Post is a rich text as it is received: in one language, without Markdown.
func Post(title string, paragraphs ...[]Element) Message {
	if paragraphs == nil {
		paragraphs = [][]Element{}
	}
	return contentOf("post", map[string]any{"title": title, "content": paragraphs})
}

// PostText is text; the styles are bold, underline, lineThrough and italic.
func PostText(text string, styles ...string) Element {
	return Element{"tag": "text", "text": text, "style": listed(styles)}
}

// PostLink is a link.
func PostLink(text, href string, styles ...string) Element {
	return Element{"tag": "a", "text": text, "href": href, "style": listed(styles)}
}

// PostAt is the mention numbered n, from 1: the bot's with Message.Mention, then
// those of OtherMentions.
func PostAt(n int, styles ...string) Element {
	return Element{"tag": "at", "user_id": "@_user_" + strconv.Itoa(n), "user_name": "", "style": listed(styles)}
}

// PostImage is a picture.
func PostImage(key string) Element { return Element{"tag": "img", "image_key": key} }

// PostVideo is a film with its cover.
func PostVideo(key, cover string) Element {
	return Element{"tag": "media", "file_key": key, "image_key": cover}
}

// PostEmotion is an emoji.
func PostEmotion(emoji string) Element { return Element{"tag": "emotion", "emoji_type": emoji} }

// PostRule is a line across.
func PostRule() Element { return Element{"tag": "hr"} }

// PostCode is a block of code.
func PostCode(language, text string) Element {
	return Element{"tag": "code_block", "language": language, "text": text}
}

// listed makes an empty list of none, where JSON would say null.
func listed(styles []string) []string {
	if styles == nil {
		return []string{}
	}
	return styles
}
