package feishu

import (
	"context"
	"strings"
	"time"
	"unicode"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"longwire/connectors"
)

// What has to be switched on to learn who somebody is: the call, and in its answer each
// field. Which people the app may ask about is its contact range.
const (
	personScope     = "contact:contact.base:readonly"
	nameScope       = "contact:user.base:readonly"
	departmentScope = "contact:user.department:readonly"
)

// codeOutOfRange says that the app may not see a person, whatever scopes it has.
const codeOutOfRange = "41050"

// readPersonOp is the name of the call, which has one rate whatever it is made for.
const readPersonOp = "read person"

// profile is what GET /open-apis/contact/v3/users/:user_id tells of a person.
type profile struct {
	Name        *connectors.LooseString  `json:"name"`           // nil without nameScope
	Departments []connectors.LooseString `json:"department_ids"` // nil without departmentScope
}

// readPerson asks who a person is, by their open_id. The month's quota does not count
// the call.
func (a *api) readPerson(ctx context.Context, person string) (profile, error) {
	if len(person) > maxID || !safe.MatchString(person) {
		return profile{}, &connectors.Error{Op: readPersonOp, Message: "the person's id is not one", Fatal: true}
	}
	query := larkcore.QueryParams{"user_id_type": {"open_id"}, "department_id_type": {"open_department_id"}}
	var data struct {
		User profile `json:"user"`
	}
	err := a.get(ctx, readPersonOp, "/open-apis/contact/v3/users/"+person, query, &data)
	if coded(err, codeOutOfRange) {
		a.scopes.outOfRange(readPersonOp)
		err = clearer(err, "the person is not in the app's contact range: widen it in the developer console, under its permissions")
	}
	return data.User, err
}

const (
	nameRetry = 10 * time.Minute // until asking for a name again that nobody told
	maxName   = 64               // characters of a name
)

// withName is ev with the name of who asks, as far as the platform tells it. Messages
// come without, and only where several people share a conversation has the model to
// know it.
func (c *Connector) withName(ctx context.Context, ev connectors.Event) connectors.Event {
	if ev.Shared && ev.Chat.Group && ev.Sender.Name == "" {
		ev.Sender.Name = c.names.of(ctx, ev.Sender.ID)
	}
	return ev
}

// personName asks the platform for the name of a person, by their open_id.
func (c *Connector) personName(ctx context.Context, person string) (string, error) {
	p, err := c.api.readPerson(ctx, person)
	switch {
	case scopeMissing(err):
		// The refusal names the scope for the call alone. Each new one takes a new
		// version of the app, so the operator learns of both at once.
		c.api.scopes.lacks(readPersonOp, personScope+" and "+nameScope)
	case err == nil && p.Name == nil:
		c.api.scopes.lacks(readPersonOp, nameScope)
		err = &connectors.Error{Op: readPersonOp, Fatal: true, Message: "the answer holds no name: the app lacks the scope " + nameScope}
	}
	if err != nil {
		c.log.Debug("nobody can tell the name of who asks", "err", err)
		return "", err
	}
	return tidyName(string(*p.Name)), nil
}

// tidyName is a name as it may stand before what its person says: one line of at most
// maxName characters, all of which can be seen.
func tidyName(name string) string {
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, name)
	tidy := []rune(strings.Join(strings.Fields(seen), " "))
	return strings.TrimSpace(string(tidy[:min(len(tidy), maxName)]))
}
