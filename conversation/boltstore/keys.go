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
//	  ping                    -> time     when Ping last committed; zeros may follow
//	connections
//	  <connection name>       one bucket per connection
//	    count                 -> number   events waiting, in all conversations
//	    waiting               K seq    -> the event, JSON; seq grows over the whole connection
//	    attempts              K        -> number   how often the oldest waiting event was taken; absent: never
//	    turns                 K seq    -> the turn, JSON; seq counts 1, 2, 3 … within the conversation
//	    used                  K        -> time     when a turn was last appended; there while K has turns
//	    idle                  time K   -> nothing  the same by time, to find what has expired
//	    seen                  id       -> time     until when the event id is remembered
//	    expiry                time id  -> nothing  the same by time
//
//	K        the conversation: length in 2 bytes, then its key. The length makes
//	         sure that no conversation's entries are among those of another
//	         whose key starts alike.
//	id       SHA-256 of the event id, so that any id fits
//	seq, number, time
//	         8 bytes, big-endian, so that the file's order is theirs; times are
//	         nanoseconds since 1970
//
// Turns are appended at the end and deleted from the front and nowhere else, so
// the numbers of a conversation's turns have no gaps and their count is a
// subtraction.
var (
	fileBucket = []byte("longwire")
	formatKey  = []byte("format")
	pingKey    = []byte("ping")

	connectionsBucket = []byte("connections")
	countKey          = []byte("count")
	waitingBucket     = []byte("waiting")
	attemptsBucket    = []byte("attempts")
	turnsBucket       = []byte("turns")
	usedBucket        = []byte("used")
	idleBucket        = []byte("idle")
	seenBucket        = []byte("seen")
	expiryBucket      = []byte("expiry")
)

// format is the version of the layout above.
const format = "1"

// maxKey is the longest conversation key that fits: bbolt's bound without the
// length before and the number after it.
const maxKey = bbolt.MaxKeySize - 2 - 8

// records are the buckets of one connection within one transaction.
type records struct {
	connection *bbolt.Bucket

	waiting, attempts *bbolt.Bucket
	turns, used, idle *bbolt.Bucket
	seen, expiry      *bbolt.Bucket
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
	for _, sub := range []struct {
		name   []byte
		bucket **bbolt.Bucket
	}{
		{waitingBucket, &r.waiting}, {attemptsBucket, &r.attempts},
		{turnsBucket, &r.turns}, {usedBucket, &r.used}, {idleBucket, &r.idle},
		{seenBucket, &r.seen}, {expiryBucket, &r.expiry},
	} {
		if *sub.bucket, err = b.CreateBucketIfNotExists(sub.name); err != nil {
			return r, fmt.Errorf("open bucket %s: %w", sub.name, err)
		}
	}
	return r, nil
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

// timeOf reads the time at the start of a key or value.
func timeOf(v []byte) time.Time { return time.Unix(0, int64(number(v))) }
