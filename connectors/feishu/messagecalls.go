package feishu

import (
	"context"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
)

// The calls about messages; each is an API with a rate of its own.
const (
	opReply         = "reply to message"
	opSend          = "send message"
	opReact         = "react to message"
	opListReactions = "list reactions"
	opUnreact       = "take reaction back"
)

// outgoing is a message as it is sent. The platform does nothing for a uuid that it
// has seen within the hour but say that all is well, so sending may be repeated.
type outgoing struct{ msgType, content, uuid string }

// reply replies to a message; inThread makes a thread of it where there is none.
func (a *api) reply(ctx context.Context, messageID string, inThread bool, m outgoing) error {
	body := larkim.NewReplyMessageReqBodyBuilder().MsgType(m.msgType).Content(m.content).Uuid(m.uuid)
	if inThread {
		body.ReplyInThread(true)
	}
	req := larkim.NewReplyMessageReqBuilder().MessageId(messageID).Body(body.Build()).Build()
	return a.paced(ctx, opReply, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.im.Message.Reply(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
}

// send sends a message that answers no other. kind says whose id it is that it goes
// to: "chat_id" or "open_id".
func (a *api) send(ctx context.Context, kind, id string, m outgoing) error {
	req := larkim.NewCreateMessageReqBuilder().ReceiveIdType(kind).
		Body(larkim.NewCreateMessageReqBodyBuilder().ReceiveId(id).MsgType(m.msgType).Content(m.content).Uuid(m.uuid).Build()).
		Build()
	return a.paced(ctx, opSend, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.im.Message.Create(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
}

// react puts an emoji under a message. Whoever calls it has asked the governor.
func (a *api) react(ctx context.Context, messageID, emoji string) (id string, err error) {
	req := larkim.NewCreateMessageReactionReqBuilder().MessageId(messageID).
		Body(larkim.NewCreateMessageReactionReqBodyBuilder().
			ReactionType(larkim.NewEmojiBuilder().EmojiType(emoji).Build()).Build()).
		Build()
	err = a.call(ctx, opReact, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.im.MessageReaction.Create(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		if resp.Data != nil && resp.Data.ReactionId != nil {
			id = *resp.Data.ReactionId
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	a.rate.learn(opReact, err)
	return id, err
}

// reactions are the ids of the reactions with an emoji that this app has put under a
// message.
func (a *api) reactions(ctx context.Context, messageID, emoji string) (ids []string, err error) {
	req := larkim.NewListMessageReactionReqBuilder().MessageId(messageID).ReactionType(emoji).PageSize(50).Build()
	err = a.paced(ctx, opListReactions, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.im.MessageReaction.List(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		ids = nil
		if resp.Data != nil {
			ids = ownReactions(resp.Data.Items, a.config.AppId)
		}
		return resp.ApiResp, resp.CodeError, nil
	})
	return ids, err
}

func ownReactions(items []*larkim.MessageReaction, appID string) (ids []string) {
	for _, item := range items {
		if item == nil || item.ReactionId == nil || item.Operator == nil || item.Operator.OperatorId == nil {
			continue
		}
		if *item.Operator.OperatorId == appID {
			ids = append(ids, *item.ReactionId)
		}
	}
	return ids
}

// unreact takes a reaction back.
func (a *api) unreact(ctx context.Context, messageID, reactionID string) error {
	req := larkim.NewDeleteMessageReactionReqBuilder().MessageId(messageID).ReactionId(reactionID).Build()
	return a.paced(ctx, opUnreact, func(option larkcore.RequestOptionFunc) (*larkcore.ApiResp, larkcore.CodeError, error) {
		resp, err := a.im.MessageReaction.Delete(ctx, req, option)
		if err != nil {
			return nil, larkcore.CodeError{}, err
		}
		return resp.ApiResp, resp.CodeError, nil
	})
}
