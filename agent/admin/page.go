package admin

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The page is one HTML document with its style and its script inside, put together
// when the program starts. It has no words of its own but the empty frame, so everybody
// who may ask gets it; what it shows it asks for, and logs in where it has to.
//
//go:embed page/index.html page/page.css page/*.js
var pageFiles embed.FS

// scripts are the parts of the script, in order.
var scripts = []string{"words.js", "reasons.js", "draw.js", "chart.js", "parts.js", "page.js"}

var pageText, pagePolicy = document()

// document is the page and its Content-Security-Policy: nothing but its own style and
// script, which are named by their hashes, and nothing from or to anywhere else.
func document() (text, policy string) {
	style, script := pageFile("page.css"), ""
	for _, name := range scripts {
		script += pageFile(name)
	}
	text = strings.NewReplacer("{{style}}", style, "{{script}}", script).Replace(pageFile("index.html"))
	return text, fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
		hashOf(script), hashOf(style))
}

func pageFile(name string) string {
	raw, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is part of the binary, or nothing is
	}
	return string(raw)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page is GET /.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	if _, err := io.WriteString(w, pageText); err != nil {
		s.log.Debug("answer not sent", "err", err)
	}
}
