package record

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"longwire/conversation"
)

// EncodeTurn returns the stored form of a turn: when it was, in seconds since 1970
// and nanoseconds, how many bytes the question has, the question, the answer. Where
// the turn says something of those before it, that is between question and answer, as
// JSON, and its length is behind that of the question.
//
//	1763798400 123000000 5 helloHi there
//	1763798400 123000000 5+16 hello{"instead":true}Hi there
//
// A history is read with every message, a hundred turns of it, and as JSON that was a
// tenth of what a message costs.
func EncodeTurn(t conversation.Turn) []byte {
	b := make([]byte, 0, 48+len(t.Question)+len(t.Answer))
	b = strconv.AppendInt(b, t.At.Unix(), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(t.At.Nanosecond()), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(t.Question)), 10)
	var word []byte
	if p := (past{t.Before, t.Instead}); p != (past{}) {
		word, _ = json.Marshal(p) // times and a text: it does not fail
		b = append(b, '+')
		b = strconv.AppendInt(b, int64(len(word)), 10)
	}
	b = append(b, ' ')
	b = append(b, t.Question...)
	b = append(b, word...)
	return append(b, t.Answer...)
}

// past is what a turn says of those before it.
type past struct {
	Before  *conversation.Before `json:"before,omitempty"`
	Instead bool                 `json:"instead,omitempty"`
}

var errTurn = errors.New("turn cannot be read")

// DecodeTurn reads what EncodeTurn returned.
func DecodeTurn(kept string) (t conversation.Turn, err error) {
	var fields [3]string // seconds, nanoseconds, lengths
	for i := range fields {
		fields[i], kept, _ = strings.Cut(kept, " ")
	}
	question, word, said := strings.Cut(fields[2], "+")
	var numbers [4]int64
	for i, text := range []string{fields[0], fields[1], question, word} {
		if i == 3 && !said {
			break
		}
		if numbers[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return t, errTurn
		}
	}
	q, n, all := numbers[2], numbers[3], int64(len(kept))
	if q < 0 || n < 0 || q > all || n > all-q || numbers[1] < 0 || numbers[1] >= 1e9 {
		return t, errTurn
	}
	t = conversation.Turn{Question: kept[:q], Answer: kept[q+n:], At: time.Unix(numbers[0], numbers[1])}
	var p past
	if said && json.Unmarshal([]byte(kept[q:q+n]), &p) != nil {
		return conversation.Turn{}, errTurn
	}
	t.Before, t.Instead = p.Before, p.Instead
	return t, nil
}
