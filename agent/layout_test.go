package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// source is one Go file of the module.
type source struct {
	dir  string // from the module's root
	test bool
	file *ast.File
	path string
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	root := ".."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(filepath.Dir(rel)), strings.HasSuffix(path, "_test.go"), file, rel})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The house's import rules: who may know whom.
func TestImportRules(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imp := range s.file.Imports {
			path := strings.Trim(imp.Path.Value, `"`)
			if why := forbidden(s.dir, s.path, path); why != "" {
				t.Errorf("%s imports %s: %s", s.path, path, why)
			}
		}
	}
}

func forbidden(dir, file, path string) string {
	in := func(parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }
	of := func(parent string) bool { return path == parent || strings.HasPrefix(path, parent+"/") }
	switch {
	case (in("connectors") || in("conversation")) && of("longwire/agent"):
		return "the houses below never know the program"
	case in("connectors") && of("longwire/conversation"):
		return "a connector knows nothing of what is kept"
	case in("connectors/dingtalk") && of("longwire/connectors/feishu"), in("connectors/feishu") && of("longwire/connectors/dingtalk"):
		return "the platforms never know each other"
	case of("go.etcd.io/bbolt") && !in("conversation/boltstore"):
		return "only boltstore knows bbolt"
	case of("github.com/redis/go-redis") && !in("conversation/redisstore"):
		return "only redisstore knows go-redis"
	case of("github.com/lmittmann/tint") && file != "agent/main.go":
		return "only main.go knows tint"
	case of("github.com/sashabaranov/go-openai") && !in("agent/model"):
		return "only the model knows its SDK"
	case of("github.com/modelcontextprotocol/go-sdk") && !in("agent/tools"):
		return "only the tools know the protocol's SDK"
	case of("github.com/prometheus") && !in("agent/metrics"), of("go.opentelemetry.io") && !in("agent/trace"):
		return "metrics and traces are wired, not scattered"
	case of("longwire/agent/prompt/corpus") && !in("agent/bench"):
		return "the program does not carry the corpus"
	case of("github.com/larksuite/oapi-sdk-go/v3/channel"), of("github.com/larksuite/oapi-sdk-go/v3/ws"):
		return "the SDK's own loops are not used"
	case path == "testing" && dir != "conversation/storetest" && dir != "conversation/redisstore/redistest":
		return "the program holds no test code"
	}
	return ""
}

// Exactly one file of each package says what the package is.
func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		comments[s.dir] += 0
		if s.file.Doc != nil {
			comments[s.dir]++
		}
	}
	if len(comments) < 15 {
		t.Fatalf("only %d packages were found", len(comments))
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("%s has %d package comments, want 1", dir, n)
		}
	}
}
