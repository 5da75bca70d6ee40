package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// admin refuses to show the page to the network without asking for a token.
func (d *decoder) admin(a *Admin) {
	const at = "admin.listen"
	d.credential("admin.token", a.Token.Reveal())
	for i, network := range a.Allow {
		a.Allow[i] = network.Masked()
	}
	d.tls("admin.tls", &a.TLS)
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
	case !loopback(host) && !a.Token.IsZero() && len(a.Token.Reveal()) < longToken:
		d.warn("admin.token", fmt.Sprintf("has fewer than %d characters, and whoever reaches %s may guess", longToken, at), "write a longer one, such as `openssl rand -hex 16` prints")
	}
}

// longToken is how many characters a token has that nobody guesses.
const longToken = 16

// tls checks a certificate and its key, and finds where they are.
func (d *decoder) tls(at string, t *TLS) {
	switch {
	case t.Cert == "" && t.Key == "":
		return
	case t.Key == "":
		d.complain(at+".cert", "its key is missing", "write the path of its key in "+at+".key")
		return
	case t.Cert == "":
		d.complain(at+".key", "its certificate is missing", "write the path of its certificate in "+at+".cert")
		return
	}
	var cert, key []byte
	t.Cert, cert = d.namedFile(at+".cert", t.Cert)
	t.Key, key = d.secretFile(at+".key", t.Key)
	if d.bad[at+".cert"] || d.bad[at+".key"] {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		d.reject(at+".cert", "does not lead to a certificate in PEM that belongs to the key", "")
	}
}

// credentialFile begins the name of a systemd credential.
const credentialFile = "credential:"

// namedFile finds the file that a value names: a path, looked up as that of
// ${file:PATH} is, or a credential. It returns where the file is and what is in it.
// No problem shows the value: it may be a key that was written in place of the path.
func (d *decoder) namedFile(at, text string) (path string, content []byte) {
	places := d.refs.places(text)
	if name, ok := strings.CutPrefix(text, credentialFile); ok {
		folder, _ := d.refs.getenv("CREDENTIALS_DIRECTORY")
		if folder == "" {
			d.reject(at, "names a credential, and $CREDENTIALS_DIRECTORY is not set", "start longwire as a systemd unit with LoadCredential, or write a path")
			return text, nil
		}
		if name == "" || name != filepath.Base(name) {
			d.reject(at, "names no credential", "write credential: and a name, without a folder")
			return text, nil
		}
		places = []string{filepath.Join(folder, name)}
	}
	for _, place := range places {
		content, err := readNamed(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			d.reject(at, "names a file that cannot be read: "+reason(err), "")
		}
		return place, content
	}
	d.reject(at, "names a file that is not there", "a relative path is looked up in $CREDENTIALS_DIRECTORY, then beside the config file")
	return text, nil
}

// secretFile is namedFile for a file that is nobody else's business.
func (d *decoder) secretFile(at, text string) (path string, content []byte) {
	path, content = d.namedFile(at, text)
	if d.bad[at] {
		return path, nil
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		d.warn(at, "everybody on this machine can read this file", "run chmod 600 on it")
	}
	return path, content
}

// readNamed returns the content of a file, as bytes.
func readNamed(path string) ([]byte, error) {
	f, err := openReference(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	return io.ReadAll(io.LimitReader(f, maxReference))
}

// reason is an error of a file without its path.
func reason(err error) string {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrapped.Err
	}
	return err.Error()
}

// packagePath is how a package of this program is called in log.levels.
var packagePath = regexp.MustCompile(`^[a-z0-9]+(/[a-z0-9]+)*$`)

// log checks that the levels are those of packages.
func (d *decoder) log(l Log) {
	for path := range l.Levels {
		if !packagePath.MatchString(path) {
			d.complain(join("log.levels", shown(path)), "this is no path of a package", "write a path such as connectors/dingtalk")
		}
	}
}

// enough warns of a limit that lets nobody ask anything: before a question is asked, its
// prompt and the longest answer have to fit into what is left.
func (d *decoder) enough(at string, l Limits, m Model) {
	for key, limit := range map[string]Limit{".tokens_per_day": l.TokensPerDay, ".tokens_per_month": l.TokensPerMonth} {
		if limit > 0 && int64(limit) < 2*int64(m.MaxTokens) {
			d.warn(at+key, fmt.Sprintf("%d leaves room for hardly a question: an answer may have max_tokens (%d), and is reserved before it is asked", limit, m.MaxTokens),
				"raise the limit, or lower max_tokens")
		}
	}
}

// ruleName is what a redaction rule may be called.
var ruleName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

// record checks the rules, and compiles their patterns.
func (d *decoder) record(r *Record) {
	names := map[string]int{}
	for i := range r.Redact {
		at, rule := fmt.Sprintf("record.redact[%d]", i), &r.Redact[i]
		if rule.Name == "" {
			continue // said already
		}
		if first, ok := names[rule.Name]; ok {
			d.complain(at+".name", fmt.Sprintf("record.redact[%d] has the same name", first), "keep one of the two, or give each its own name")
			continue
		}
		names[rule.Name] = i
		d.rule(at, rule)
	}
}

func (d *decoder) rule(at string, rule *RedactRule) {
	builtIn := slices.Contains(BuiltInRules, rule.Name)
	switch {
	case rule.Pattern == "" && !builtIn:
		hint := "the rules are " + strings.Join(BuiltInRules, ", ") + "; one of your own needs a pattern"
		if guess := nearest(rule.Name, BuiltInRules); guess != "" {
			hint = "did you mean `" + guess + "`?"
		}
		d.mismatch(at+".name", "the name of a built-in rule", rule.Name, hint)
		return
	case rule.Pattern != "" && builtIn:
		d.complain(at+".name", "a built-in rule has this name, and needs no pattern", "give the pattern another name, or remove it")
		return
	case !ruleName.MatchString(rule.Name):
		d.mismatch(at+".name", "a name for a rule", rule.Name, "write a–z, 0–9 and underscore, at most 63 characters")
		return
	}
	if strings.ContainsAny(rule.Replace, "[]") {
		d.mismatch(at+".replace", "text without brackets", rule.Replace, "they are put around it")
		return
	}
	if rule.Replace == "" {
		rule.Replace = rule.Name
	}
	if builtIn {
		return
	}
	compiled, err := regexp.Compile(rule.Pattern)
	switch {
	case err != nil:
		d.reject(at+".pattern", "is not a regular expression"+flaw(err), "in double quotes, write \\\\ for one backslash, or put it in single quotes; look-around and back-references are not known")
	case compiled.MatchString(""):
		d.reject(at+".pattern", "matches where there is nothing", "write what has to be there, with + in place of *")
	default:
		rule.Regexp = compiled
	}
}

// flaw is what is wrong with a regular expression, without showing it.
func flaw(err error) string {
	if wrong, ok := errors.AsType[*syntax.Error](err); ok {
		return ": " + wrong.Code.String()
	}
	return ""
}

// trace checks where spans are sent.
func (d *decoder) trace(t *Trace) {
	d.headers("trace.headers", t.Headers)
	if t.Endpoint == "" {
		return
	}
	clean, err := baseURL(t.Endpoint)
	if err != nil {
		d.reject("trace.endpoint", "is not a base URL: "+err.Error(), "write it like http://127.0.0.1:4318")
		return
	}
	t.Endpoint = clean
}
