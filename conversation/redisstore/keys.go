package redisstore

import (
	"fmt"
	"strings"

	"longwire/conversation"
)

// Every key in Redis is on this page. All begin with Options.Prefix, which is longwire
// unless the operator says otherwise.
//
//	longwire:ping                        string, written by Ping, gone after a minute
//
//	longwire:{connection}:ready          stream: one entry, field "k", for each conversation
//	                                     that is ready or in somebody's hands
//	longwire:{connection}:later          sorted set: conversations released until later, scored
//	                                     with the time in milliseconds
//	longwire:{connection}:hold           string, empty: while it is there nothing is taken, because
//	                                     events that came earlier may still be inserted
//	longwire:{connection}:count          string: number of events waiting, in all conversations
//	longwire:{connection}:waiting:K      list: the waiting events of conversation K, as package
//	                                     record has them, the oldest first; those in hand are
//	                                     still there
//	longwire:{connection}:lane:K         hash: of the oldest of them, how often it was taken (attempt),
//	                                     together with how many, itself included (joined; absent: it
//	                                     alone), its note, the entry of the lease that was asked to
//	                                     stop (interrupted), which may be over, and whether its turn is
//	                                     not to be remembered (forgotten); absent: never taken
//	longwire:{connection}:turns:K        list: the turns of K (record.EncodeTurn), the oldest first; expires
//	                                     Options.TTL after the last one was appended
//	longwire:{connection}:seen:ID        string, empty: event ID was accepted; expires after
//	                                     Options.Remember
//	longwire:{connection}:forgot:T       string, empty: a Forget with trace T was carried out; expires
//	                                     after Options.Remember
//	longwire:{connection}:life:T         list: the marks of the event with trace T, as mark.lua
//	                                     writes them; expires Options.Remember after the first
//	longwire:{connection}:letters        hash: trace -> the dead letter, as package record has it
//	longwire:{connection}:dead           sorted set: the traces of the dead letters, scored with
//	                                     the time of death in microseconds
//	longwire:{connection}:tally:N        string: the count of name N; expires when the Add that began
//	                                     it has said
//	longwire:{connection}:pace:N         string: when the pace of name N is at rest, in microseconds;
//	                                     expires then
//	longwire:{connection}:value:N        string: the value of name N; expires when its Put has said
//	longwire:{connection}:records:N      list: the records of name N, the oldest first
//
// A conversation with events waiting is in exactly one place: either it has one
// entry in the stream, or it is in the sorted set. One without is in neither.
//
// An entry of the stream is delivered once, to one consumer of the group: that is
// the lease. Its id is the lease's fencing number, since ids only grow; how long
// the entry has been idle in the group's pending list is how long the lease was
// not renewed. A lease that ends, well or not, takes its entry along, and a
// conversation that goes on gets a new one at the end.
//
// The braces are Redis Cluster's hash tag, which keeps all keys of a connection on
// one node, so that a script can change them together. The first pair of braces
// decides; a connection's name has its own braces escaped, and what follows it
// may contain anything.
const group = "workers" // the consumer group of every ready stream

// escape makes a connection's name fit between the braces, and no two names alike.
var escape = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// keys are the keys of one connection.
type keys struct {
	prefix string // what they all start with
}

// keysOf are the keys of a connection. It refuses only the empty name: with nothing in
// it, a hash tag is none.
func (s *Store) keysOf(connection string) (keys, error) {
	if connection == "" {
		return keys{}, fmt.Errorf("connection without a name")
	}
	return keys{s.opts.Prefix + ":{" + escape.Replace(connection) + "}:"}, nil
}

// pingKey is written by Ping.
func (s *Store) pingKey() string { return s.opts.Prefix + ":ping" }

func (k keys) ready() string   { return k.prefix + "ready" }
func (k keys) later() string   { return k.prefix + "later" }
func (k keys) hold() string    { return k.prefix + "hold" }
func (k keys) count() string   { return k.prefix + "count" }
func (k keys) letters() string { return k.prefix + "letters" }
func (k keys) dead() string    { return k.prefix + "dead" }

func (k keys) waiting(key conversation.Key) string { return k.prefix + "waiting:" + string(key) }
func (k keys) lane(key conversation.Key) string    { return k.prefix + "lane:" + string(key) }
func (k keys) turns(key conversation.Key) string   { return k.prefix + "turns:" + string(key) }
func (k keys) seen(id string) string               { return k.prefix + "seen:" + id }
func (k keys) forgot(trace string) string          { return k.prefix + "forgot:" + trace }
func (k keys) life(trace string) string            { return k.lives() + trace }
func (k keys) lives() string                       { return k.prefix + "life:" }
func (k keys) tally(name string) string            { return k.prefix + "tally:" + name }
func (k keys) pace(name string) string             { return k.prefix + "pace:" + name }
func (k keys) value(name string) string            { return k.prefix + "value:" + name }
func (k keys) records(name string) string          { return k.prefix + "records:" + name }
