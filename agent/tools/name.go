package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// maxName is the length that models take for a tool's name.
const maxName = 64

// hashed is how a name ends that had to be changed.
var hashed = regexp.MustCompile(`_[0-9a-f]{12}$`)

// foreign is what may not stand in a tool's name.
var foreign = regexp.MustCompile(`[^a-zA-Z0-9_-]`)

// nameFor is the name by which the model knows a server's tool. It depends on these
// two alone, not on what else there is, so that it stays the same from prompt to
// prompt. Where both names are plain it is server__tool. Otherwise it is shortened
// and ends with a hash of both, and no plain name ends like that: two tools never
// have the same name, and no server can take the name of another's tool.
func nameFor(server, tool string) string {
	name := server + "__" + tool
	plain := len(name) <= maxName && !foreign.MatchString(name) && server != "" && tool != "" &&
		!strings.Contains(server, "__") && !strings.HasSuffix(server, "_") && // the first "__" is where the tool begins
		!hashed.MatchString(name)
	if plain {
		return name
	}
	sum := sha256.Sum256([]byte(server + "\x00" + tool))
	end := "_" + hex.EncodeToString(sum[:6])
	name = foreign.ReplaceAllString(name, "_")
	return name[:min(len(name), maxName-len(end))] + end
}

// anyGlob reports whether one of the globs matches name.
func anyGlob(globs []string, name string) bool {
	for _, glob := range globs {
		if matches(glob, name) {
			return true
		}
	}
	return false
}

// matches reports whether name is glob, in which a * stands for any text. It is not
// path.Match because tools' names may hold slashes, and brackets are no patterns.
func matches(glob, name string) bool {
	pieces := strings.Split(glob, "*")
	if len(pieces) == 1 {
		return glob == name
	}
	name, ok := strings.CutPrefix(name, pieces[0])
	if !ok {
		return false
	}
	last := len(pieces) - 1
	for _, piece := range pieces[1:last] {
		at := strings.Index(name, piece)
		if at < 0 {
			return false
		}
		name = name[at+len(piece):]
	}
	return strings.HasSuffix(name, pieces[last])
}
