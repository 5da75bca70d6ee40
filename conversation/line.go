package conversation

import "longwire/connectors"

// LineOf names the line in which an event waits. A connection has two: the one of
// its name, and one aside for events that are answered beside their conversation
// (connectors.Event.Aside), which have workers of their own. To a store a line is a
// connection like any other.
func LineOf(ev connectors.Event) string {
	if ev.Aside {
		return LineAside(ev.Connection)
	}
	return ev.Connection
}

// LineAside names a connection's line aside. No connection has a slash in its name.
func LineAside(connection string) string { return connection + "/aside" }
