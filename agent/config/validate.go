package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// redelivery is how long after the first time Feishu sends an event again.
const redelivery = 7 * time.Hour

// connectionName is what a connection may be called: it becomes a label of a
// metric and part of keys in the store.
var connectionName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// validate checks what spans several keys or is more than a range, and fills what
// follows from other keys.
func (d *decoder) validate(c *Config) {
	for i := range c.Connections {
		d.connection(fmt.Sprintf("connections[%d]", i), &c.Connections[i])
	}
	d.unique(c.Connections)
	d.model(&c.Model)
	d.admin(c.Admin)
	d.inbox(c)
	if path, ok := strings.CutPrefix(c.Spool, "file:"); c.Spool != spoolOff && (!ok || filePath(path) == "") {
		d.mismatch("spool", "a file for messages while Redis is away, or off", c.Spool, "write file:./data/spool.db, or off")
	}
}

func (d *decoder) connection(at string, c *Connection) {
	if c.Name != "" && !connectionName.MatchString(c.Name) {
		d.mismatch(at+".name", "a name for a connection", c.Name,
			"write a–z, 0–9, dot, dash and underscore, at most 63 characters, first a letter or digit")
	}
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

func (d *decoder) model(m *Model) {
	d.credential("model.api_key", m.APIKey.Reveal())
	if m.Endpoint == "" {
		return // said already
	}
	clean, err := baseURL(m.Endpoint)
	switch {
	case err != nil:
		d.reject("model.endpoint", "is not a base URL: "+err.Error(), "write it like https://dashscope.aliyuncs.com/compatible-mode/v1")
	case strings.HasSuffix(clean, "/chat/completions"):
		d.reject("model.endpoint", "names one call of the endpoint", "write the base URL: what stands before /chat/completions")
	default:
		m.Endpoint = clean
	}
}

// admin refuses to show the page to the network without asking for a token.
func (d *decoder) admin(a Admin) {
	const at = "admin.listen"
	d.credential("admin.token", a.Token.Reveal())
	host, port, err := net.SplitHostPort(a.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		d.reject(at, "is not host:port", "write it like 127.0.0.1:18789")
	case !loopback(host) && a.Token.IsZero() && !d.bad["admin.token"]:
		d.reject(at, "can be reached from other machines, and without a token everybody there could read the page",
			"set admin.token, or listen on 127.0.0.1:18789")
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
	case u.User != nil:
		return "", errors.New("it has a user name or password in it")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#"):
		return "", errors.New("it goes on with ? or # after the path")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", errors.New("its port is not from 1 to 65535")
		}
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
