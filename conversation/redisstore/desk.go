package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"longwire/conversation"
	"longwire/conversation/internal/record"
)

// Inbox lists what is not done, as it is in one moment. It reads no more than limit
// events; where more waits than that, it lists what is next in line.
func (s *Store) Inbox(ctx context.Context, connection string, limit int) ([]conversation.Item, error) {
	items, err := s.inbox(ctx, connection, limit)
	return items, s.storeError("list", err)
}

func (s *Store) inbox(ctx context.Context, connection string, limit int) ([]conversation.Item, error) {
	k, err := s.keysOf(connection)
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, nil
	}
	reply, err := inboxScript.Run(ctx, s.client,
		[]string{k.ready(), k.later(), k.letters(), k.dead()},
		group, atLeast1ms(s.opts.Lease), k.prefix, limit).Slice()
	if err != nil {
		return nil, err
	}
	var items []conversation.Item
	for _, v := range reply {
		item, err := parseItem(connection, v)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	slices.SortStableFunc(items, func(a, b conversation.Item) int {
		if a.State == conversation.ItemWaiting && b.State == conversation.ItemWaiting {
			return a.Event.Received.Compare(b.Event.Received)
		}
		return cmp.Compare(rank(a.State), rank(b.State))
	})
	return items, nil
}

// rank is the order of the states in an inbox.
func rank(state conversation.ItemState) int {
	return slices.Index([]conversation.ItemState{conversation.ItemDead, conversation.ItemHeld, conversation.ItemWaiting}, state)
}

// parseItem reads one item of inbox.lua.
func parseItem(connection string, v any) (conversation.Item, error) {
	fields, _ := v.([]any)
	texts := make([]string, 0, 5)
	for _, field := range fields {
		if text, ok := field.(string); ok {
			texts = append(texts, text)
		}
	}
	if len(fields) != 5 || len(texts) != 5 {
		return conversation.Item{}, errMalformed
	}
	state, kept, since := conversation.ItemState(texts[0]), []byte(texts[3]), texts[4]
	if state == conversation.ItemDead {
		died, err := parseTime(since)
		return record.Item(connection, kept, died), err
	}
	ev, _ := record.Decode(connection, kept)
	item := conversation.Item{Event: ev, Key: conversation.Key(texts[1]), State: state, Since: ev.Received}
	var err error
	if item.Attempt, err = strconv.Atoi(texts[2]); err != nil {
		return conversation.Item{}, errMalformed
	}
	if since != "" {
		item.Since, err = parseTime(since)
	}
	return item, err
}

// Life tells what happened to an event.
func (s *Store) Life(ctx context.Context, connection, trace string) ([]conversation.Mark, error) {
	marks, err := s.life(ctx, connection, trace)
	return marks, s.storeError("read life", err)
}

func (s *Store) life(ctx context.Context, connection, trace string) ([]conversation.Mark, error) {
	k, err := s.keysOf(connection)
	if err != nil {
		return nil, err
	}
	lines, err := s.client.LRange(ctx, k.life(trace), 0, -1).Result()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, conversation.ErrNotFound
	}
	marks := make([]conversation.Mark, len(lines))
	for i, line := range lines {
		if marks[i], err = parseMark(line); err != nil {
			return nil, err
		}
	}
	return marks, nil
}

// parseMark reads what mark.lua has written. The lease's entry is not told.
func parseMark(line string) (conversation.Mark, error) {
	fields := strings.SplitN(line, " ", 4)
	if len(fields) != 4 {
		return conversation.Mark{}, errMalformed
	}
	at, err := parseTime(fields[0])
	return conversation.Mark{At: at, What: conversation.What(fields[2]), Detail: fields[3]}, err
}

// parseTime reads a time in microseconds, which may be a sorted set's score.
func parseTime(text string) (time.Time, error) {
	micros, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return time.UnixMicro(int64(micros)), nil
}

// Retry puts a dead letter back to the end of its conversation.
func (s *Store) Retry(ctx context.Context, connection, trace string) error {
	return s.storeError("retry", s.retry(ctx, connection, trace))
}

// retry asks for the conversation first, since a script names its keys when it
// starts. A dead letter does not change; if it is gone by then, that is found out.
func (s *Store) retry(ctx context.Context, connection, trace string) error {
	k, err := s.keysOf(connection)
	if err != nil {
		return err
	}
	text, err := s.client.HGet(ctx, k.letters(), trace).Bytes()
	if errors.Is(err, redis.Nil) {
		return conversation.ErrNotFound
	}
	if err != nil {
		return err
	}
	letter, err := record.OpenLetter(text)
	if err != nil {
		return err
	}
	return found(retryScript.Run(ctx, s.client,
		[]string{k.letters(), k.dead(), k.waiting(letter.Key), k.count(), k.ready(), k.life(trace)},
		trace, string(letter.Key), atLeast1ms(s.opts.Remember), record.Retried(letter.Kept)))
}

// Drop removes a dead letter.
func (s *Store) Drop(ctx context.Context, connection, trace string) error {
	k, err := s.keysOf(connection)
	if err != nil {
		return s.storeError("drop", err)
	}
	return s.storeError("drop", found(dropScript.Run(ctx, s.client,
		[]string{k.letters(), k.dead(), k.life(trace)}, trace, atLeast1ms(s.opts.Remember))))
}

// found is the answer of a script that returns 0 when there is no such dead letter.
func found(reply *redis.Cmd) error {
	switch n, err := reply.Int(); {
	case err != nil:
		return err
	case n == 0:
		return conversation.ErrNotFound
	}
	return nil
}
