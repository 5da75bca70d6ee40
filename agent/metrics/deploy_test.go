package metrics

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Where operators find what goes with the metrics.
const (
	dashboardFile = "../../deploy/grafana/longwire.json"
	rulesFolder   = "../../deploy/prometheus"
)

// rules are the rules of deploy/prometheus.
type rules struct {
	Groups []struct {
		Rules []rule
	}
}

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) (all []rule) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(rulesFolder, "rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file rules
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// dashboard is what we look at of a dashboard's JSON.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	Datasource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		Expr       string
		Datasource struct{ UID string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	raw, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d dashboard) exprs() (all []string) {
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

// known are the metrics that there are, and the labels of each; nil where anything goes.
type known map[string][]string

func knownMetrics(t *testing.T) known {
	t.Helper()
	m := full(t)
	all := make(known)
	for _, metric := range m.Page() {
		all[metric.Name] = metric.Labels
		if metric.Type == histogram {
			all[metric.Name+"_bucket"] = append(slices.Clone(metric.Labels), "le")
			all[metric.Name+"_sum"], all[metric.Name+"_count"] = metric.Labels, metric.Labels
		}
	}
	families, err := m.page.registry.Gather() // for Prometheus' own
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if name := family.GetName(); !strings.HasPrefix(name, "longwire_") {
			all[name] = []string{"quantile"}
		}
	}
	return all
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	names    = regexp.MustCompile(`\b(?:longwire|process|go)[_:][a-z0-9_:]+`)
	selector = regexp.MustCompile(`([a-z0-9_:]+)\{([^{}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*[=!]`)
)

// check checks that an expression asks for what there is.
func (k known) check(t *testing.T, where, expr string) {
	t.Helper()
	expr = quoted.ReplaceAllString(expr, `""`)
	found := names.FindAllString(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s: %s asks for no metric", where, expr)
	}
	for _, name := range found {
		if _, ok := k[name]; !ok {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	for _, part := range selector.FindAllStringSubmatch(expr, -1) {
		for _, label := range matcher.FindAllStringSubmatch(part[2], -1) {
			allowed := append([]string{"instance", "job"}, k[part[1]]...)
			if !slices.Contains(allowed, label[1]) {
				t.Errorf("%s: %s has no label %s", where, part[1], label[1])
			}
		}
	}
}

func TestRulesAskForWhatThereIs(t *testing.T) {
	all := knownMetrics(t)
	list := readRules(t)
	for _, r := range list {
		if r.Record != "" {
			all[r.Record] = []string{"connection", "platform", "endpoint", "model"}
		}
	}
	for _, r := range list {
		all.check(t, r.Record+r.Alert, r.Expr)
	}
}

var (
	runbook = regexp.MustCompile(`^README\.md#[a-z]+(-[a-z]+)*$`)
	han     = func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	}
)

// Each alert says how bad it is, in both languages, and where to read on; and there is a
// world in which it fires.
func TestAlerts(t *testing.T) {
	worlds, err := os.ReadFile(filepath.Join(rulesFolder, "rules_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := 0
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		alerts++
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has severity %q", r.Alert, s)
		}
		if en, zh := r.Annotations["summary"], r.Annotations["summary_zh"]; en == "" || han(en) || !han(zh) {
			t.Errorf("%s: %q, %q", r.Alert, en, zh)
		}
		if url := r.Annotations["runbook_url"]; !runbook.MatchString(url) {
			t.Errorf("%s: %q", r.Alert, url)
		}
		if !bytes.Contains(worlds, []byte(`alertname="`+r.Alert+`"`)) {
			t.Errorf("%s fires in no test", r.Alert)
		}
	}
	if alerts < 20 {
		t.Errorf("only %d alerts", alerts)
	}
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	all, d := knownMetrics(t), readDashboard(t)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all.check(t, p.Title, target.Expr)
		}
	}
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			all.check(t, "variable "+v.Name, v.Definition)
		}
	}
}

// Whatever is measured can be seen.
func TestDashboardShowsEverything(t *testing.T) {
	shown := strings.Join(readDashboard(t).exprs(), "\n")
	for _, metric := range newMetrics(t).Page() {
		if !regexp.MustCompile(metric.Name + `(_bucket)?\b`).MatchString(shown) {
			t.Errorf("%s is on no panel", metric.Name)
		}
	}
}

// The dashboard works with any data source, its panels do not lie upon one another, and
// titles are in both languages.
func TestDashboard(t *testing.T) {
	d := readDashboard(t)
	type cell struct{ x, y int }
	taken, ids, rows := make(map[cell]string), make(map[int]bool), 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: its id %d is another's", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			rows++
		}
		if english := strings.ContainsFunc(p.Title, unicode.IsUpper); !english || !han(p.Title) && p.Title != "CPU" {
			t.Errorf("title %q is not in both languages", p.Title)
		}
		if p.GridPos.X < 0 || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W <= 0 || p.GridPos.H <= 0 {
			t.Errorf("%s: place %+v", p.Title, p.GridPos)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if taken[cell{x, y}] != "" {
					t.Fatalf("%s lies upon %s", p.Title, taken[cell{x, y}])
				}
				taken[cell{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if p.Datasource.UID != "${datasource}" || target.Datasource.UID != "${datasource}" {
				t.Errorf("%s is bound to the data source %q, %q", p.Title, p.Datasource.UID, target.Datasource.UID)
			}
		}
	}
	if rows != 6 {
		t.Errorf("%d rows", rows)
	}
}

// promtool runs Prometheus' own tool in a folder. Where it is not installed the test is
// skipped, but not in CI.
func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("promtool is needed in CI: %v", err)
		}
		t.Skip("promtool is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRulesWithPromtool(t *testing.T) {
	promtool(t, rulesFolder, "check", "rules", "rules.yml")
	promtool(t, rulesFolder, "test", "rules", "rules_test.yml")
}

// The dashboard's expressions are PromQL.
func TestDashboardWithPromtool(t *testing.T) {
	replace := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$connection", ".*", "$job", ".*")
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	var list []map[string]string
	for _, expr := range readDashboard(t).exprs() {
		list = append(list, map[string]string{"record": "shown", "expr": replace.Replace(expr)})
	}
	file.Groups = []map[string]any{{"name": "dashboard", "rules": list}}
	raw, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dashboard.yml"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, dir, "check", "rules", "--lint=none", "dashboard.yml")
}
