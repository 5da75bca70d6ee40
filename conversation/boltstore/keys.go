package boltstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"longwire/conversation"
)

// The layout of the file. Every bucket, key and value there is, is on this page.
//
//	longwire                  about the file itself
//	  format                  -> "1"
//	  ping                    -> time     when Ping last committed; zeros follow
//	connections
//	  <connection name>       one bucket per connection
//	    count                 -> number   events waiting, in all conversations
//	    dead                  -> number   dead letters
//	    waiting               K seq    -> the event, as package record has it; seq grows over the whole
//	                                      connection
//	    lanes                 K        -> number number number   events waiting; how many of them are taken
//	                                      together, the oldest included, 0 until they are; and how
//	                                      often they were taken. Absent: nothing waits. Of an earlier
//	                                      time there are two, without the one in the middle: the
//	                                      oldest was taken by itself
//	    notes                 K        -> the note of the oldest waiting event
//	    forgotten             K        -> nothing  the turn of the oldest is not to be remembered
//	    turns                 K seq    -> the turn (record.EncodeTurn); seq counts 1, 2, 3 … within the conversation
//	    used                  K        -> time     when a turn was last appended; there while K has turns
//	    idle                  time K   -> nothing  the same by time, to find what has expired
//	    seen                  id       -> time     until when the event id is remembered
//	    expiry                time id  -> trace    the same by time; with the id goes the life of the event
//	    lives                 trace    -> the marks of an event, a line of JSON each
//	    letters               time trace -> the dead letter, as package record has it, by the time of death
//	    buried                trace    -> time     when it died, to find it by its trace
//	    shelf                 slot     -> time, then a count's number or a value: what is kept until then
//	    lapses                time slot -> nothing the same by time, to find what has expired
//	    appended              N seq    -> a record of the shelf; seq counts 1, 2, 3 … within the name
//
//	K        the conversation: length in 2 bytes, then its key. The length makes
//	         sure that no conversation's entries are among those of another
//	         whose key starts alike.
//	id       SHA-256 of the event id, so that any id fits, or of the trace of a
//	         Forget that was carried out; in expiry the trace
//	         itself, where a life began anew after its id had been forgotten
//	trace    of the event, 8 characters
//	N        SHA-256 of a name on the shelf, so that any name fits
//	slot     N with the kind before it: c for a count, v for a value
//	seq, number, time
//	         8 bytes, big-endian, so that the file's order is theirs; times are
//	         nanoseconds since 1970
//
// Turns and the shelf's records are appended at the end and deleted from the front
// and nowhere else, so the numbers of a conversation's turns have no gaps and their
// count is a subtraction.
var (
	fileBucket = []byte("longwire")
	formatKey  = []byte("format")
	pingKey    = []byte("ping")
	lookedKey  = []byte("looked")

	connectionsBucket = []byte("connections")
	countKey          = []byte("count")
	deadKey           = []byte("dead")
	waitingBucket     = []byte("waiting")
	lanesBucket       = []byte("lanes")
	notesBucket       = []byte("notes")
	forgottenBucket   = []byte("forgotten")
	turnsBucket       = []byte("turns")
	usedBucket        = []byte("used")
	idleBucket        = []byte("idle")
	seenBucket        = []byte("seen")
	expiryBucket      = []byte("expiry")
	livesBucket       = []byte("lives")
	lettersBucket     = []byte("letters")
	buriedBucket      = []byte("buried")
	shelfBucket       = []byte("shelf")
	lapsesBucket      = []byte("lapses")
	appendedBucket    = []byte("appended")
)

// format is the version of the layout above.
const format = "1"

// maxKey is the longest conversation key that fits: bbolt's bound without the
// length before and the number after it.
const maxKey = bbolt.MaxKeySize - 2 - 8

// records are the buckets of one connection within one transaction.
type records struct {
	connection *bbolt.Bucket

	waiting, lanes, notes *bbolt.Bucket
	forgotten             *bbolt.Bucket
	turns, used, idle     *bbolt.Bucket
	seen, expiry, lives   *bbolt.Bucket
	letters, buried       *bbolt.Bucket
	shelf, lapses         *bbolt.Bucket
	appended              *bbolt.Bucket
}

// named is a bucket of a connection and where it belongs in records.
type named struct {
	name   []byte
	bucket **bbolt.Bucket
}

// buckets are all buckets of a connection.
func (r *records) buckets() [15]named {
	return [...]named{
		{waitingBucket, &r.waiting}, {lanesBucket, &r.lanes}, {notesBucket, &r.notes},
		{forgottenBucket, &r.forgotten},
		{turnsBucket, &r.turns}, {usedBucket, &r.used}, {idleBucket, &r.idle},
		{seenBucket, &r.seen}, {expiryBucket, &r.expiry}, {livesBucket, &r.lives},
		{lettersBucket, &r.letters}, {buriedBucket, &r.buried},
		{shelfBucket, &r.shelf}, {lapsesBucket, &r.lapses}, {appendedBucket, &r.appended},
	}
}

// recordsOf opens the buckets of a connection and creates the missing ones, which
// a transaction that only reads cannot.
func recordsOf(tx *bbolt.Tx, connection string) (records, error) {
	var r records
	all := tx.Bucket(connectionsBucket)
	b, err := all.CreateBucketIfNotExists([]byte(connection))
	if err != nil {
		return r, fmt.Errorf("open records of connection %q: %w", connection, err)
	}
	r.connection = b
	for _, sub := range r.buckets() {
		if *sub.bucket, err = b.CreateBucketIfNotExists(sub.name); err != nil {
			return r, fmt.Errorf("open bucket %s: %w", sub.name, err)
		}
	}
	return r, nil
}

// recordsIn is recordsOf for a transaction that only reads. It reports false where
// nothing was accepted yet.
func recordsIn(tx *bbolt.Tx, connection string) (r records, ok bool) {
	b := tx.Bucket(connectionsBucket).Bucket([]byte(connection))
	if b == nil {
		return r, false
	}
	r.connection = b
	for _, sub := range r.buckets() {
		*sub.bucket = b.Bucket(sub.name)
	}
	return r, true
}

// prefixOf is K, with which everything about the conversation starts.
func prefixOf(key conversation.Key) ([]byte, error) {
	if len(key) > maxKey {
		return nil, fmt.Errorf("conversation key of %d bytes is longer than %d", len(key), maxKey)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(key))), key...), nil
}

// splitWaiting undoes a key of the waiting bucket: K seq.
func splitWaiting(k []byte) (conversation.Key, uint64, error) {
	if len(k) < 2+8 || int(binary.BigEndian.Uint16(k)) != len(k)-2-8 {
		return "", 0, errors.New("key of a waiting event is malformed")
	}
	return conversation.Key(k[2 : len(k)-8]), lastNumber(k), nil
}

// idOf is the key under which an event id is remembered.
func idOf(eventID string) []byte {
	sum := sha256.Sum256([]byte(eventID))
	return sum[:]
}

// forgetID is the key under which it is remembered that a Forget was carried out. No
// event has an id with a zero byte before it.
func forgetID(trace string) []byte { return idOf("\x00forget\x00" + trace) }

// numbered is prefix followed by n, in memory of its own.
func numbered(prefix []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), n)
}

// timed is t followed by rest.
func timed(t time.Time, rest []byte) []byte {
	return append(timeBytes(t), rest...)
}

// lastNumber is the number at the end of a key.
func lastNumber(k []byte) uint64 { return binary.BigEndian.Uint64(k[len(k)-8:]) }

func numberBytes(n uint64) []byte  { return binary.BigEndian.AppendUint64(nil, n) }
func timeBytes(t time.Time) []byte { return numberBytes(uint64(t.UnixNano())) }

// number reads a value; what is absent counts as 0.
func number(v []byte) uint64 {
	if len(v) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// lane is what is known of a conversation with events waiting.
type lane struct {
	waiting uint64
	joined  uint64 // how many are taken together, the oldest included; 0 where that is not known
	attempt uint64 // how often the oldest was taken
}

// together is how many events are in hand when the oldest is.
func (l lane) together() uint64 { return max(l.joined, 1) }

// laneOf is the lane of a conversation.
func (r records) laneOf(prefix []byte) lane {
	v := r.lanes.Get(prefix)
	if len(v) < 16 {
		return lane{}
	}
	l := lane{waiting: number(v), attempt: lastNumber(v)}
	if len(v) >= 24 {
		l.joined = number(v[8:])
	}
	return l
}

// setLane writes a lane, or deletes it when nothing waits any more.
func (r records) setLane(prefix []byte, l lane) error {
	if l.waiting == 0 {
		return r.lanes.Delete(prefix)
	}
	return r.lanes.Put(prefix, numbered(numbered(numberBytes(l.waiting), l.joined), l.attempt))
}

// timeOf reads the time at the start of a key or value.
func timeOf(v []byte) time.Time { return time.Unix(0, int64(number(v))) }
