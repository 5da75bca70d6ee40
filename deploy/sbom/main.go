// Sbom lists the parts of a Go program in CycloneDX's format, as the program itself
// names them: the modules that the linker found a use for, not all that go.mod
// lists. Files that are shipped beside the program are listed with their hash.
//
//	sbom PROGRAM [FILE…] > longwire.cdx.json
//
// The same program gives the same text.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: sbom PROGRAM [FILE…]")
		os.Exit(2)
	}
	if err := run(os.Stdout, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

// bom is a CycloneDX document, as far as it is needed: https://cyclonedx.org/docs/1.6/json/.
type bom struct {
	Format     string      `json:"bomFormat"`
	Version    string      `json:"specVersion"`
	Revision   int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref,omitempty"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PURL       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func run(out io.Writer, program string, files []string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	doc := bom{Format: "CycloneDX", Version: "1.6", Revision: 1}
	doc.Metadata.Component, err = file("application", program)
	if err != nil {
		return err
	}
	for _, setting := range info.Settings {
		if setting.Key == "GOOS" || setting.Key == "GOARCH" {
			doc.Metadata.Component.Properties = append(doc.Metadata.Component.Properties, property{setting.Key, setting.Value})
		}
	}
	doc.Components = append(doc.Components, module("std", info.GoVersion, ""))
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = &debug.Module{Path: dep.Replace.Path, Version: dep.Replace.Version, Sum: dep.Replace.Sum}
		}
		doc.Components = append(doc.Components, module(dep.Path, dep.Version, dep.Sum))
	}
	for _, name := range files {
		c, err := file("file", name)
		if err != nil {
			return err
		}
		doc.Components = append(doc.Components, c)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(doc)
}

// module is a Go module; sum is its checksum in go.sum, which is one of its files'
// hashes and no hash of a file.
func module(path, version, sum string) component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(url.PathEscape(version), "+", "%2B")
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
	if sum != "" {
		c.Properties = []property{{"go.sum", sum}}
	}
	return c
}

func file(kind, path string) (component, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return component{}, err
	}
	sum := sha256.Sum256(content)
	return component{Type: kind, Name: filepath.Base(path), Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}}}, nil
}
