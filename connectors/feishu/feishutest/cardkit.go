package feishutest

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

var cardScopes = []string{"cardkit:card:write"}

// maxCardUUID is how many characters the uuid of an operation may have.
const maxCardUUID = 64

// operation is one call that changes a card entity.
type operation struct {
	name     string // as CardUpdate has it
	element  string // the id it is about, if it is about one
	content  string // of "content"
	sequence int
	uuid     string
	asks     string // the request, to know it again by

	streams bool // works only while the card streams
	adds    bool // makes new elements
	// apply changes tree, a copy of the card's. It returns whether streaming_mode
	// was among what it set.
	apply func(tree node) (setsMode bool, no *refusal)
}

func cardParameter(why string) *refusal {
	return refuse(codeCardParameter, "Your request contains an invalid request parameter. ErrMsg: "+why+"; ")
}

// createCard makes a card entity.
func (s *Server) createCard(c call) (any, *refusal) {
	tree, no := readCard(c.body, s.opts.Doubts.MarkdownTables)
	if no != nil {
		return nil, no
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return success(map[string]any{"card_id": s.newCard(c.app, tree).id}), nil
}

// readCard reads the type and data of a card.
func readCard(o object, markdownTables int) (node, *refusal) {
	kind, _ := o.text("type")
	data, _ := o.text("data")
	switch {
	case kind == "template":
		return nil, refuse(codeCardRender, "ErrMsg: template does not exist, please confirm whether this template has been released; ")
	case kind != "card_json":
		return nil, cardParameter("type must be card_json or template")
	case data == "" || utf8.RuneCountInString(data) > 3000000:
		return nil, cardParameter("data must have 1 to 3000000 characters")
	}
	tree, ok := decodeNode(data)
	switch {
	case !ok:
		return nil, refuse(codeCardRender, "Failed to generate card content")
	case len(tree) == 0:
		return nil, refuse(codeCardEmpty, "The card DSL is empty")
	case tree["schema"] != schema2:
		return nil, refuse(codeOldSchema, "Only schema 2.0 is supported")
	}
	return tree, checkTree(tree, markdownTables)
}

// checkTree checks what every operation must leave behind.
func checkTree(tree node, markdownTables int) *refusal {
	if fault := checkCardJSON(tree, markdownTables); fault != nil {
		return fault.forKit()
	}
	if len(encode(tree)) > maxCardSize {
		return refuse(codeCardTooLarge, "Card content exceeds limit.")
	}
	return nil
}

// convertID answers with the entity behind a message with a card, making one if
// there is none. What the platform does there is UNVERIFIED.
func (s *Server) convertID(c call) (any, *refusal) {
	id, _ := c.body.text("message_id")
	s.mu.Lock()
	defer s.mu.Unlock()
	m, no := s.findIn(c.app, id)
	if no != nil {
		return nil, no
	}
	if m.msgType != "interactive" || m.app != c.app {
		return nil, cardParameter("message_id is not of a card of this app")
	}
	if m.card == nil {
		tree, ok := decodeNode(m.source)
		if !ok || tree["schema"] != schema2 {
			return nil, refuse(codeOldSchema, "Only schema 2.0 is supported")
		}
		m.card = s.newCard(c.app, tree)
		m.card.message = m
		s.cardChanged(m.card)
	}
	return success(map[string]any{"card_id": m.card.id}), nil
}

// operate is the route of an operation: read makes it of a request.
func (s *Server) operate(name string, read func(call, *operation) *refusal) func(call) (any, *refusal) {
	return func(c call) (any, *refusal) {
		op := operation{name: name, element: c.r.PathValue("element_id")}
		if no := readOperation(c, &op); no != nil {
			return nil, no
		}
		if no := read(c, &op); no != nil {
			return nil, no
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if no := s.carryOut(c.app, c.r.PathValue("card_id"), op); no != nil {
			return nil, no
		}
		return success(struct{}{}), nil
	}
}

// readOperation reads what all operations have.
func readOperation(c call, op *operation) *refusal {
	var sequence *int64
	if json.Unmarshal(c.body["sequence"], &sequence) != nil || sequence == nil || *sequence < 1 || *sequence > math.MaxInt32 {
		return cardParameter("sequence must be an integer of 1 to 2147483647")
	}
	op.sequence = int(*sequence)
	if raw, ok := c.body["uuid"]; ok {
		op.uuid, ok = c.body.text("uuid")
		if n := utf8.RuneCountInString(op.uuid); !ok || n < 1 || n > maxCardUUID {
			return cardParameter("uuid must have 1 to " + strconv.Itoa(maxCardUUID) + " characters, not " + string(raw))
		}
	}
	b, _ := json.Marshal(c.body) // came from JSON; sorted by key
	op.asks = op.name + " " + op.element + " " + string(b)
	return nil
}

// carryOut checks op against the entity called id and changes it. The order of
// the checks is UNVERIFIED but for those that Doubts has. mu is held.
func (s *Server) carryOut(a *app, id string, op operation) *refusal {
	c, no := s.usable(a, id)
	if c == nil {
		return no
	}
	update := CardUpdate{At: s.now(), Op: op.name, Element: op.element, Content: op.content, Sequence: op.sequence, UUID: op.uuid}
	if no == nil {
		no = s.takeFromCard(c)
	}
	if no == nil && s.opts.Doubts.SequenceBeforeUUID {
		no = c.follows(op)
	}
	if no == nil && op.uuid != "" && c.uuids[op.uuid] != "" {
		update.Duplicate = true
		if c.uuids[op.uuid] != op.asks { // also if only the sequence differs: UNVERIFIED
			no = refuse(codeUUIDConflict, "UUID conflict")
		}
	} else if no == nil {
		no = s.change(c, op, &update)
	}
	if no != nil {
		update.Code = no.code
	}
	if !s.opts.NoHistory {
		c.updates = append(c.updates, update)
	}
	s.cardChanged(c)
	return no
}

// follows checks that op comes after the last operation on c.
func (c *card) follows(op operation) *refusal {
	if op.sequence <= c.sequence {
		return refuse(codeSequence, "ErrMsg: sequence number compare failed; ")
	}
	return nil
}

// change carries op out on c. mu is held.
func (s *Server) change(c *card, op operation, update *CardUpdate) *refusal {
	if no := c.follows(op); no != nil {
		return no
	}
	if s.opts.Doubts.RefusedBurnsSequence {
		c.sequence = op.sequence
	}
	if no := s.ready(c, op); no != nil {
		return no
	}
	tree, _ := decodeNode(encode(c.tree)) // a copy
	before := contentIn(tree, op.element)
	setsMode, no := op.apply(tree)
	if no == nil {
		no = checkTree(tree, s.opts.Doubts.MarkdownTables)
	}
	if no != nil {
		return no
	}
	update.Append = op.streams && len(op.content) >= len(before) && op.content[:len(before)] == before
	c.tree, c.sequence = tree, op.sequence
	if op.uuid != "" {
		c.uuids[op.uuid] = op.asks
	}
	if setsMode {
		c.setStreaming(s.now())
	}
	return nil
}

// ready says why c is in no state for op. mu is held.
func (s *Server) ready(c *card, op operation) *refusal {
	timedOut := c.streaming && !c.streams(s.now(), s.opts.StreamingLife)
	switch {
	case c.presses > 0:
		return refuse(codeInteraction, "The card is in an ongoing interaction and cannot be updated")
	case op.streams && timedOut:
		c.stopStreaming() // the first to notice is told so, later ones only that it is over
		return refuse(codeStreamingTimeout, "ErrMsg: card streaming timeout; ")
	case op.adds && timedOut && s.opts.Doubts.ElementTimeout:
		c.stopStreaming()
		return refuse(codeElementTimeout, "Card streaming timeout")
	case op.streams && !c.streaming:
		return refuse(codeStreamingClosed, "ErrMsg: streaming mode is closed; ")
	}
	return nil
}

func contentIn(tree node, elementID string) string {
	if n := findElement(tree, elementID); n != nil {
		return textOf(n)
	}
	return ""
}
