package dingtalktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// decodeExact reads one JSON object into v, which must not omit empty fields. It is
// stricter than encoding/json, which takes clientID for clientId: a name that is
// only nearly right is an error here, so that a misspelt field is found before the
// real platform ignores it. Names that resemble nothing are allowed.
func decodeExact(r io.Reader, v any) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return err
	}
	canonical, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var given, known any
	if err := json.Unmarshal(raw, &given); err != nil {
		return err
	}
	if _, isObject := given.(map[string]any); !isObject {
		return errors.New("a JSON object is expected")
	}
	if err := json.Unmarshal(canonical, &known); err != nil {
		return err
	}
	return compareNames(given, known)
}

// compareNames looks for names in given that are spelt otherwise in known.
func compareNames(given, known any) error {
	switch g := given.(type) {
	case map[string]any:
		k, ok := known.(map[string]any)
		if !ok {
			return nil
		}
		for name, value := range g {
			if err := compareName(name, value, k); err != nil {
				return err
			}
		}
	case []any:
		k, ok := known.([]any)
		if !ok {
			return nil
		}
		for i := range min(len(g), len(k)) {
			if err := compareNames(g[i], k[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareName checks one name of an object, and what it holds.
func compareName(name string, value any, known map[string]any) error {
	if inner, ok := known[name]; ok {
		return compareNames(value, inner)
	}
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	if i >= 0 {
		return fmt.Errorf("field %q is spelt %q", name, names[i])
	}
	return nil
}
