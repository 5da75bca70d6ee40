package dingtalktest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// randomBytes is 16 bytes nobody has seen before. math/rand/v2's global source is
// seeded by the operating system and costs no system call per id.
func randomBytes() [16]byte {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rand.Uint64())
	return b
}

// uuid writes 16 bytes in the form of the platform's tickets and connection ids
// (field: 2f9c95bd-fe85-11f0-bee8-0eb3b764c0bb).
func uuid(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// newUUID is a fresh one.
func newUUID() string { return uuid(randomBytes()) }

// newRequestID is what error bodies carry (field: upper case).
func newRequestID() string { return strings.ToUpper(newUUID()) }

// newMessageID makes a headers.messageId of the field's shape
// 212b9d7c_165f_19bfa1a500a_1461def: host, thread, milliseconds and a number.
func newMessageID(now time.Time) string {
	return fmt.Sprintf("212c%04x_%x_%x_%x", rand.Uint32()&0xffff, rand.Uint32()&0xffff, now.UnixMilli(), rand.Uint64()>>16)
}

// newMsgID makes a data.msgId (field: msgv+gE8CSZUZWAKbxk3KrUYA==).
func newMsgID() string {
	b := randomBytes()
	return "msg" + base64.StdEncoding.EncodeToString(b[:])
}

// digest is the stable part of ids that must be the same for the same thing.
func digest(parts ...string) [16]byte {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return [16]byte(sum[:16])
}

// uuidOf is the UUID of a thing.
func uuidOf(parts ...string) string { return uuid(digest(parts...)) }

// personID is a senderId or chatbotUserId (documented: $:LWCP_v1:$...).
func personID(parts ...string) string {
	b := digest(parts...)
	return "$:LWCP_v1:$" + base64.StdEncoding.EncodeToString(b[:])
}

// dialogueID is the conversationId of the 1:1 chat of a person with a robot
// (documented: cid...=).
func dialogueID(a *app, senderID string) string {
	b := digest("dialogue", a.ClientID, senderID)
	return "cid" + base64.StdEncoding.EncodeToString(b[:])
}
