package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the config file in bytes.
const maxFile = 1 << 20

// places are where Find looks when it is told nothing, in this order.
var places = []string{"config.yaml", "/etc/longwire/config.yaml"}

// Find returns the path of the config file: flag where it is not empty, else the
// first of ./config.yaml and /etc/longwire/config.yaml that is there. Whether the
// file can be read is for Load to say.
func Find(flag string) (string, error) { return find(flag, places) }

func find(flag string, places []string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	for _, place := range places {
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	return "", fmt.Errorf("no config file: looked for %s; "+
		"begin with `cp config.example.yaml config.yaml`, or try `longwire sandbox`, which needs none",
		strings.Join(places, " and "))
}

// Load reads the file at path. The error is of type Problems where the file could
// be read and something in it is not right. A nil getenv is os.LookupEnv.
func Load(path string, getenv func(string) (string, bool)) (*Config, error) {
	data, mode, err := read(path)
	if err != nil {
		return nil, err
	}
	cfg, d, err := parse(path, data, getenv)
	if err != nil {
		return nil, err
	}
	if mode.IsRegular() && mode.Perm()&0o004 != 0 {
		for _, at := range d.literals {
			d.warn(at, "this secret stands in a file that everybody on this machine can read",
				"run chmod 600, or keep it outside and write ${NAME} or ${file:PATH}")
		}
		cfg.Warnings = d.warnings.sorted()
	}
	return cfg, nil
}

// LoadAdmin reads of the file at path where the running program listens, whatever else is
// wrong with it: a file that is being edited, or secrets that only the service sees, are
// no reason not to find it. Of a file that is no YAML it is the default.
func LoadAdmin(path string, getenv func(string) (string, bool)) (Admin, error) {
	data, _, err := read(path)
	if err != nil {
		return Admin{}, err
	}
	cfg, d, problem := decode(path, data, getenv)
	if problem != nil {
		return Default().Admin, nil
	}
	var wrong Problems
	for _, p := range d.problems {
		if p.Path == "admin" || strings.HasPrefix(p.Path, "admin.") {
			wrong = append(wrong, p)
		}
	}
	if len(wrong) > 0 {
		return Admin{}, wrong.sorted()
	}
	return cfg.Admin, nil
}

// read returns the content of the file at path, and its mode.
func read(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read config: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("read config: %w", err)
	}
	if info.IsDir() {
		return nil, 0, fmt.Errorf("read config: %s is a folder; a container makes one where it is to mount a file that does not exist", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read config: %w", err)
	}
	return data, info.Mode(), nil
}

// Parse is Load for a file that is already in memory. The name stands in the
// problems, and its folder is where ${file:PATH} looks.
func Parse(name string, data []byte, getenv func(string) (string, bool)) (*Config, error) {
	cfg, _, err := parse(name, data, getenv)
	return cfg, err
}

// parse also returns the decoder, which knows where everything stands.
func parse(name string, data []byte, getenv func(string) (string, bool)) (*Config, *decoder, error) {
	cfg, d, problem := decode(name, data, getenv)
	switch {
	case problem != nil:
		return nil, nil, Problems{*problem}
	case len(d.problems) > 0:
		return nil, nil, d.problems.sorted()
	}
	cfg.Warnings = d.warnings.sorted()
	return cfg, d, nil
}

// decode decodes data, with whatever problems; the one that it returns is that data is no
// YAML.
func decode(name string, data []byte, getenv func(string) (string, bool)) (*Config, *decoder, *Problem) {
	if getenv == nil {
		getenv = os.LookupEnv
	}
	d := &decoder{
		file:    name,
		refs:    expander{getenv: getenv, dir: filepath.Dir(name), taken: new(taken)},
		schema:  schema{},
		sources: map[string]source{},
		bad:     map[string]bool{},
	}
	root, problem := document(data)
	if problem != nil {
		problem.File = name
		return nil, nil, problem
	}
	cfg := d.config(root)
	cfg.taken = *d.refs.taken
	return cfg, d, nil
}

// document returns the root of the only document in data, or the one problem that
// keeps anything from being read.
func document(data []byte) (*yaml.Node, *Problem) {
	if len(data) > maxFile {
		return nil, &Problem{Line: 1, Column: 1, Text: "the file is larger than 1 MiB"}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if p := unreadable(data); p != nil {
		return nil, p
	}
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := reader.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isNull(doc.Content[0]) {
		return nil, &Problem{Line: 1, Column: 1, Text: "the file is empty", Hint: "begin with config.example.yaml"}
	}
	if err != nil {
		return nil, syntaxProblem(data, err)
	}
	switch err := reader.Decode(&second); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, syntaxProblem(data, err)
	}
	return nil, &Problem{
		Line: second.Line, Column: second.Column,
		Text: "a second document begins here", Hint: "keep one and remove the --- between them",
	}
}

// unreadable finds the first byte that is no text.
func unreadable(data []byte) *Problem {
	line, column := 1, 1
	for rest := data; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return &Problem{Line: line, Column: column, Text: "this is not UTF-8", Hint: "save the file as UTF-8"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			return &Problem{Line: line, Column: column, Text: "a control character stands here", Hint: "remove it, and save the file as UTF-8 text"}
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		rest = rest[size:]
	}
	return nil
}

var (
	yamlError   = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	tabIndent   = regexp.MustCompile(`^ *\t[\t ]*[^\t #\r]`)
	unknownName = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// syntaxProblem says in our words what the parser could not read. The parser
// knows a line at best, and not always the right one; the two mistakes that have
// a plainer reason than it gives are looked for in the text.
func syntaxProblem(data []byte, err error) *Problem {
	lines := strings.Split(string(data), "\n")
	text, at := err.Error(), 1
	if m := yamlError.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if line, err := strconv.Atoi(m[1]); err == nil {
			at = min(max(line, 1), len(lines))
		}
	}
	if m := unknownName.FindStringSubmatch(text); m != nil {
		return missingAnchor(lines, m[1])
	}
	if i := tabbed(lines[at-1:], text); i >= 0 {
		line := lines[at-1+i]
		return &Problem{
			Line: at + i, Column: strings.IndexByte(line, '\t') + 1,
			Text: "this line is indented with a tab", Hint: "YAML takes only spaces there",
		}
	}
	return &Problem{
		Line: at, Column: 1, Text: "this is not YAML: " + text,
		Hint: "look at the indentation, the colons and the quotes here and just above",
	}
}

// tabbed returns the index of the line whose indentation has the tab that the
// parser complains of, or -1 where it is no tab: lines begin at the one it names.
func tabbed(lines []string, complaint string) int {
	switch {
	case strings.Contains(complaint, "tab character"):
		return slices.IndexFunc(lines, tabIndent.MatchString)
	case strings.Contains(complaint, "cannot start any token") && tabIndent.MatchString(lines[0]):
		return 0
	}
	return -1
}

// missingAnchor is the problem of an alias without an anchor. The name is not
// repeated: it may be a password that begins with *.
func missingAnchor(lines []string, name string) *Problem {
	p := &Problem{
		Line: 1, Column: 1, Text: "an alias (*) has no anchor (&) of its name before it",
		Hint: "put a value that begins with * in quotes",
	}
	for i, line := range lines {
		if column := strings.Index(line, "*"+name); column >= 0 {
			p.Line, p.Column = i+1, utf8.RuneCountInString(line[:column])+1
			break
		}
	}
	return p
}
