package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// redelivery is how long after the first time Feishu sends an event again.
const redelivery = 7 * time.Hour

// label is what a connection, a model and a tool may be called: it becomes a label
// of a metric and part of keys in the store, and people type it.
var label = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// labelHint says what a label is.
const labelHint = "write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit"

// prefix is what keys in Redis may begin with: nothing that a hash tag or a pattern
// has a meaning for.
var prefix = regexp.MustCompile(`^[a-z0-9:_-]{1,32}$`)

// validate checks what spans several keys or is more than a range, and fills what
// follows from other keys.
func (d *decoder) validate(c *Config) {
	for i := range c.Connections {
		d.connection(fmt.Sprintf("connections[%d]", i), &c.Connections[i])
	}
	d.unique(c.Connections)
	d.models(c)
	d.tools(c.Tools)
	d.references(c)
	d.letIn(c)
	d.enough("limits", c.Limits, c.Model)
	for i, conn := range c.Connections {
		if conn.Limits != nil {
			d.enough(fmt.Sprintf("connections[%d].limits", i), *conn.Limits, c.ModelFor(conn))
		}
	}
	d.storage(c)
	d.inbox(c)
	d.record(&c.Record)
	d.admin(&c.Admin)
	d.log(c.Log)
	d.trace(&c.Trace)
}

func (d *decoder) connection(at string, c *Connection) {
	d.label(at+".name", "a name for a connection", c.Name)
	if c.RobotCode == "" {
		c.RobotCode = c.ClientID // both are empty on Feishu
	}
	d.credential(at+".client_id", c.ClientID)
	d.credential(at+".client_secret", c.ClientSecret.Reveal())
	d.credential(at+".app_id", c.AppID)
	d.credential(at+".app_secret", c.AppSecret.Reveal())

	example := DefaultConnection(c.Platform).Endpoint
	if example == "" {
		return // the platform is not known, and that is said already
	}
	clean, err := baseURL(c.Endpoint)
	if err != nil {
		d.reject(at+".endpoint", "is not a base URL: "+err.Error(), "write it like "+example)
		return
	}
	c.Endpoint = clean
	if u, err := url.Parse(clean); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		d.warn(at+".endpoint", "credentials travel to this endpoint without encryption", "write https:// if it can")
	}
}

// credential checks that a credential can be sent.
func (d *decoder) credential(at, text string) {
	if untidy(text) {
		d.reject(at, "has space around it or a control character in it", "copy it again, without a line break")
	}
}

// unique checks that no two connections share a name or an account.
func (d *decoder) unique(connections []Connection) {
	names, accounts := map[string]int{}, map[string]int{}
	for i, c := range connections {
		at := fmt.Sprintf("connections[%d]", i)
		if first, ok := names[c.Name]; ok && c.Name != "" {
			d.complain(at+".name", fmt.Sprintf("connections[%d] has the same name", first), "give each its own: logs, metrics and the store tell them apart by it")
		} else {
			names[c.Name] = i
		}
		account := string(c.Platform) + " " + c.Endpoint + " " + c.CredentialID()
		key := "client_id"
		if c.Platform == Feishu {
			key = "app_id"
		}
		if first, ok := accounts[account]; ok && c.CredentialID() != "" {
			d.complain(at+"."+key, fmt.Sprintf("connections[%d] has the same %s on the same endpoint", first, key),
				"remove one: the platform would split the messages between the two")
		} else {
			accounts[account] = i
		}
	}
}

// label checks a word that things are told apart by. What is wanted says what for.
func (d *decoder) label(at, wanted, text string) {
	if text != "" && !label.MatchString(text) {
		d.mismatch(at, wanted, text, labelHint)
	}
}

// letIn warns of a connection that answers nobody.
func (d *decoder) letIn(c *Config) {
	warned := map[string]bool{} // by path: the general section may hold for many
	for i, connection := range c.Connections {
		at := "access"
		if connection.Access != nil {
			at = fmt.Sprintf("connections[%d].access", i)
		}
		a := c.AccessFor(connection)
		allowed := len(a.Allow.People) + len(a.Allow.Groups) + len(a.Allow.Departments) + len(connection.Admins)
		if a.Mode == "closed" && allowed == 0 && !warned[at] && !d.bad[at+".mode"] {
			warned[at] = true
			d.warn(at, "access is closed and nobody is allowed: "+connection.Name+" answers nobody", "write who may in allow, or in admins of the connection")
		}
	}
}

// storage checks where things are kept.
func (d *decoder) storage(c *Config) {
	if path, ok := strings.CutPrefix(c.Spool, "file:"); c.Spool != Off && (!ok || filePath(path) == "") {
		d.mismatch("spool", "a file for messages while Redis is away, or off", c.Spool, "write file:./data/spool.db, or off")
	}
	_, embedded := c.Store.File()
	switch {
	case c.StorePrefix == "": // said already
	case !prefix.MatchString(c.StorePrefix):
		d.mismatch("store_prefix", "a beginning for the keys in Redis", c.StorePrefix,
			"write a–z, 0–9, colon, dash and underscore, at most 32 characters")
	case embedded && c.StorePrefix != defaultPrefix:
		d.warn("store_prefix", "a store that is a file has no use for it", "remove it, or write the URL of a Redis in store")
	}
}

// inbox warns where a redelivery would find its event forgotten.
func (d *decoder) inbox(c *Config) {
	if c.Inbox.Remember >= redelivery {
		return
	}
	for _, connection := range c.Connections {
		if connection.Platform == Feishu {
			d.warn("inbox.remember", "Feishu sends an event again for up to 7h, and one that is forgotten by then is answered twice", "write 24h")
			return
		}
	}
}

// baseURL checks a base URL and returns it without its trailing slash. The error
// completes the sentence "it is not a base URL:" and shows nothing of it, since a
// password may be inside.
func baseURL(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", errors.New("it cannot be read")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("it does not begin with https:// or http://")
	case u.Hostname() == "":
		return "", errors.New("it has no host")
	case !portInRange(u):
		return "", errors.New("its port is not from 1 to 65535")
	case u.User != nil:
		return "", errors.New("it has a user name or password in it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return "", errors.New("it goes on with ? or # after the path")
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/"), nil
}

// loopback reports whether host is this machine and cannot be another.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
