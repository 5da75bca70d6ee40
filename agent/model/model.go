// Package model asks an OpenAI-compatible endpoint and returns the answer while
// it arrives.
//
// One call, Stream. What it promises:
//
//   - The answer ends in a finish_reason or in an error. A stream that just stops
//     is an error (Cut), never a short answer.
//   - A failure before the first visible word is tried again, with a jittered
//     wait or the Retry-After that the endpoint asks for. After it nothing is
//     tried again: the person has begun to read.
//   - Nothing hangs: there is a bound for the first sign of life and one for the
//     pause between two.
//   - Every error is an *Error, whose Kind says what the person is to be told
//     and whether the operator has to act. The key is in none of them.
//
// Left to others: what to ask and how long a turn may take (agent/turn).
package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"longwire/connectors"
)

// Config says which model to ask. A zero field takes its default.
type Config struct {
	Endpoint  string // base URL, "https://…/v1"
	Key       string // sent as a bearer token; may be empty for an endpoint of one's own
	Name      string
	MaxTokens int // of an answer; 0 leaves it to the endpoint

	Transcription string // the model that Transcribe asks

	FirstToken time.Duration // from the request to the first sign of life; default 60 s
	Idle       time.Duration // between two signs of life; default 30 s
	Attempts   int           // requests until the first visible word; default 4
	Wait       time.Duration // before the second request; doubles; default 500 ms
}

func (c Config) withDefaults() Config {
	if c.FirstToken <= 0 {
		c.FirstToken = 60 * time.Second
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	if c.Attempts <= 0 {
		c.Attempts = 4
	}
	if c.Wait <= 0 {
		c.Wait = 500 * time.Millisecond
	}
	return c
}

// Role says whose words a message of the prompt holds.
type Role string

// The roles of a prompt.
const (
	System    Role = openai.ChatMessageRoleSystem
	User      Role = openai.ChatMessageRoleUser
	Assistant Role = openai.ChatMessageRoleAssistant
)

// Message is one message of the prompt.
type Message struct {
	Role    Role
	Content string
}

// Client asks one model at one endpoint. It may be used by many turns at once.
type Client struct {
	config Config
	http   *http.Client
}

// New makes a client. Nothing is sent until Stream.
func New(config Config) *Client {
	return &Client{config: config.withDefaults(), http: &http.Client{Transport: connectors.NewTransport()}}
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

const (
	longestWait = 30 * time.Second // what a person waits for a Retry-After; longer is a failure now
	maxAnswer   = 4 << 20          // bytes of a response that are read, frames included
	maxComments = 10_000           // lines without data in a row; endpoints send them while a request queues
)

// Stream asks the model and returns the deltas of its answer as they arrive. The
// last element may be an *Error, or the context's error when ctx has ended.
func (c *Client) Stream(ctx context.Context, prompt []Message) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for attempt := 1; ; attempt++ {
			begun, err := c.attempt(ctx, prompt, yield)
			if err == nil {
				return
			}
			if ctx.Err() != nil {
				yield("", ctx.Err())
				return
			}
			var e *Error
			errors.As(err, &e)
			if begun || attempt >= c.config.Attempts || !e.Kind.transient() || e.RetryAfter > longestWait {
				yield("", err)
				return
			}
			if !c.pause(ctx, attempt, e.RetryAfter) {
				yield("", ctx.Err())
				return
			}
		}
	}
}

// pause waits before the next attempt; false means that ctx ended first.
func (c *Client) pause(ctx context.Context, attempt int, asked time.Duration) bool {
	wait := c.config.Wait << (attempt - 1)
	wait = max(wait/2+rand.N(wait/2+1), asked)
	return connectors.Sleep(ctx, wait)
}

// attempt makes one request and yields what comes of it. begun says whether a
// visible word was yielded. A nil error means that there is nothing more to do:
// the answer is complete or nobody wants the rest.
func (c *Client) attempt(ctx context.Context, prompt []Message, yield func(string, error) bool) (begun bool, err error) {
	ctx, watch := watched(ctx, c.config.FirstToken)
	defer watch.stop()
	exchange := &exchange{http: c.http}
	stream, err := c.client(exchange).CreateChatCompletionStream(ctx, c.request(prompt))
	if err != nil {
		return false, c.failure(err, exchange, watch)
	}
	defer func() { _ = stream.Close() }()

	var finish openai.FinishReason
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return begun, c.ended(finish, begun)
		}
		if err != nil {
			return begun, c.failure(err, exchange, watch)
		}
		watch.alive(c.config.Idle)
		if len(chunk.Choices) == 0 {
			continue // usage, or a filter's verdict on the prompt
		}
		choice := chunk.Choices[0]
		if choice.FinishReason != "" && choice.FinishReason != openai.FinishReasonNull {
			finish = choice.FinishReason
		}
		if choice.Delta.Content == "" {
			continue // a role, or reasoning that is nobody's business
		}
		begun = true
		watch.rest() // whoever shows the delta may take their time
		if !yield(choice.Delta.Content, nil) {
			return begun, nil
		}
		watch.alive(c.config.Idle)
	}
}

// ended judges an answer whose stream has ended without an error.
func (c *Client) ended(finish openai.FinishReason, begun bool) error {
	switch {
	case finish == "":
		return &Error{Kind: Cut, Message: "the stream ended without a finish_reason"}
	case finish == openai.FinishReasonContentFilter:
		return &Error{Kind: Filtered, Message: "finish_reason content_filter"}
	case finish == openai.FinishReasonLength && begun:
		return &Error{Kind: Length, Message: "finish_reason length"}
	case !begun:
		return &Error{Kind: Empty, Message: fmt.Sprintf("finish_reason %s and not a word", finish)}
	}
	return nil
}

// client is the SDK's client for one exchange. It is a small struct; what costs
// anything, the connections, is in c.http.
func (c *Client) client(exchange *exchange) *openai.Client {
	config := openai.DefaultConfig(c.config.Key)
	config.BaseURL = c.config.Endpoint
	config.HTTPClient = exchange
	config.EmptyMessagesLimit = maxComments
	return openai.NewClientWithConfig(config)
}

func (c *Client) request(prompt []Message) openai.ChatCompletionRequest {
	req := openai.ChatCompletionRequest{
		Model:    c.config.Name,
		Stream:   true,
		Messages: make([]openai.ChatCompletionMessage, 0, len(prompt)),
	}
	//lint:ignore SA1019 the name that nearly every compatible endpoint takes
	req.MaxTokens = c.config.MaxTokens
	for _, m := range prompt {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: string(m.Role), Content: m.Content})
	}
	return req
}
