package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxReference bounds the content of a file that ${file:PATH} takes, in bytes.
const maxReference = 64 << 10

// variable is what may stand between ${ and } besides file:PATH.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expander takes what ${…} refers to from outside the file.
type expander struct {
	getenv func(string) (string, bool)
	dir    string // the config file's folder, where a relative PATH is looked up
	taken  *taken // what references led to; nil: nobody asks
}

// expansion is a value after its references were taken.
type expansion struct {
	text  string
	from  []string // the references in it, as written; empty for literal text
	wrong []error  // what is wrong with them, without any content
}

// unset is the name of an environment variable that is referred to and not there.
type unset string

func (u unset) Error() string { return "the environment variable " + string(u) + " is not set" }

// expand replaces ${NAME} and ${file:PATH} in text and makes $${ a literal ${.
// What was put in is not looked at again, so a secret may contain ${.
func (e expander) expand(text string) expansion {
	var out expansion
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			break
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		inside, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			out.wrong = append(out.wrong, errors.New("a ${ is never closed: write ${NAME}, or $${ for a literal ${"))
			text = ""
			break
		}
		content, err := e.reference(inside)
		if err != nil {
			out.wrong = append(out.wrong, err)
		} else {
			out.from = append(out.from, "${"+inside+"}")
			e.taken.add(content)
		}
		b.WriteString(content)
		text = rest
		if b.Len() > maxFile {
			out.wrong = append(out.wrong, errors.New("the value is larger than 1 MiB with its references taken"))
			return out
		}
	}
	b.WriteString(text)
	out.text = b.String()
	return out
}

// reference returns what ${inside} stands for. Its errors name the reference and
// never what it led to.
func (e expander) reference(inside string) (string, error) {
	if path, ok := strings.CutPrefix(inside, "file:"); ok {
		content, err := e.file(path)
		if err != nil {
			return "", fmt.Errorf("${%s}: %w", inside, err)
		}
		return content, nil
	}
	if !variable.MatchString(inside) {
		// Not repeated: it may be part of a password with ${ in it.
		return "", errors.New("between ${ and } only the name of an environment variable or file:PATH may stand; write $${ for a literal ${")
	}
	value, ok := e.getenv(inside)
	if !ok {
		return "", unset(inside)
	}
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("the environment variable %s is not UTF-8", inside)
	}
	return value, nil
}

// file returns the content of the file at path, looked up as ${file:PATH} says.
func (e expander) file(path string) (string, error) {
	if path == "" {
		return "", errors.New("it names no file")
	}
	places := e.places(path)
	for _, place := range places {
		content, err := readReference(place)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return content, err
	}
	return "", fmt.Errorf("there is no such file; looked for %s", strings.Join(places, " and "))
}

// places are where the file at path may be, the first before the others.
func (e expander) places(path string) []string {
	if filepath.IsAbs(path) {
		return []string{path}
	}
	// The folder of the secrets is that of longwire install: whoever asks the running
	// service something has no credentials from systemd.
	places := []string{filepath.Join(e.dir, path), filepath.Join(e.dir, "credentials", path)}
	if credentials, _ := e.getenv("CREDENTIALS_DIRECTORY"); credentials != "" {
		places = slices.Insert(places, 0, filepath.Join(credentials, path))
	}
	return places
}

// openReference opens a regular file to read from it.
func openReference(path string) (*os.File, error) {
	// Asked before opening, since opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return os.Open(path)
}

// readReference returns the content of one file without its trailing newline.
func readReference(path string) (string, error) {
	f, err := openReference(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxReference+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxReference {
		return "", errors.New("it is larger than 64 KiB")
	}
	if !utf8.Valid(data) {
		return "", errors.New("it is not UTF-8")
	}
	if text, ok := strings.CutSuffix(string(data), "\r\n"); ok {
		return text, nil
	}
	return strings.TrimSuffix(string(data), "\n"), nil
}
