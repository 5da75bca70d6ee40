package config

import "slices"

// The methods here say what holds for a connection: its own word where it has one,
// else the general one.

// ModelFor is the model that answers on a connection, and how turns are taken there.
// Its Label is the one to choose it by.
func (c *Config) ModelFor(conn Connection) Model {
	m := c.Model
	m.Choice = c.choice(conn.Model)
	m.SystemPrompt = c.PromptFor(conn)
	m.ShowReasoning = c.ReasoningFor(conn)
	return m
}

// choice is the model with a label, or the main one.
func (c *Config) choice(label string) Choice {
	for _, m := range c.Models {
		if m.Label == label {
			return m
		}
	}
	return c.Model.Choice
}

// Choices are the models that people may choose on a connection: the one that
// answers if they do not, then the others in the order of the file.
func (c *Config) Choices(conn Connection) []Choice {
	first := c.choice(conn.Model)
	choices := []Choice{first}
	for _, m := range append([]Choice{c.Model.Choice}, c.Models...) {
		allowed := conn.Models == nil || slices.Contains(conn.Models, m.Label)
		if allowed && m.Label != first.Label {
			choices = append(choices, m)
		}
	}
	return choices
}

// ToolsFor are the servers whose tools may be used on a connection, in the order of
// the file.
func (c *Config) ToolsFor(conn Connection) []Tool {
	if conn.Tools == nil {
		return c.Tools
	}
	var tools []Tool
	for _, t := range c.Tools {
		if slices.Contains(conn.Tools, t.Name) {
			tools = append(tools, t)
		}
	}
	return tools
}

// PromptFor is the system prompt on a connection; empty: none.
func (c *Config) PromptFor(conn Connection) string {
	return either(conn.SystemPrompt, c.Model.SystemPrompt)
}

// ReasoningFor says whether people on a connection see what a model thinks.
func (c *Config) ReasoningFor(conn Connection) Switch {
	return either(conn.ShowReasoning, c.Model.ShowReasoning)
}

// AccessFor says who is answered on a connection.
func (c *Config) AccessFor(conn Connection) Access { return either(conn.Access, c.Access) }

// LimitsFor bound what people on a connection, and all of it, may use.
func (c *Config) LimitsFor(conn Connection) Limits { return either(conn.Limits, c.Limits) }

// ConversationFor is what is remembered of the chats of a connection, and the
// language spoken there.
func (c *Config) ConversationFor(conn Connection) Conversation {
	conversation := c.Conversation
	if conn.Scope != "" {
		conversation.Scope = conn.Scope
	}
	if conn.Language != "" {
		conversation.Language = conn.Language
	}
	return conversation
}

// either is what own points to, or general where it points to nothing.
func either[T any](own *T, general T) T {
	if own != nil {
		return *own
	}
	return general
}
