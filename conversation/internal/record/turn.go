package record

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"longwire/conversation"
)

// EncodeTurn returns the stored form of a turn: when it was, in seconds since 1970
// and nanoseconds, how many bytes the question has, the question, the answer.
//
//	1763798400 123000000 5 helloHi there
//
// A history is read with every message, twenty turns of it, and as JSON that was a
// tenth of what a message costs.
func EncodeTurn(t conversation.Turn) []byte {
	b := make([]byte, 0, 40+len(t.Question)+len(t.Answer))
	b = strconv.AppendInt(b, t.At.Unix(), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(t.At.Nanosecond()), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(t.Question)), 10)
	b = append(b, ' ')
	b = append(b, t.Question...)
	return append(b, t.Answer...)
}

var errTurn = errors.New("turn cannot be read")

// DecodeTurn reads what EncodeTurn returned.
func DecodeTurn(kept string) (conversation.Turn, error) {
	var numbers [3]int64 // seconds, nanoseconds, length
	for i := range numbers {
		text, rest, _ := strings.Cut(kept, " ")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return conversation.Turn{}, errTurn
		}
		numbers[i], kept = n, rest
	}
	at, n := time.Unix(numbers[0], numbers[1]), numbers[2]
	if n < 0 || n > int64(len(kept)) || numbers[1] < 0 || numbers[1] >= 1e9 {
		return conversation.Turn{}, errTurn
	}
	return conversation.Turn{Question: kept[:n], Answer: kept[n:], At: at}, nil
}
