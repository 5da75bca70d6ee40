package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// The report in JSON. Its form stays as it is; what is added comes with new keys.
type jsonReport struct {
	Version  int           `json:"version"` // of this form
	OK       bool          `json:"ok"`      // no failure
	Counts   map[Level]int `json:"counts"`
	Findings []jsonFinding `json:"findings"`
}

type jsonFinding struct {
	Group   Group  `json:"group"`
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	Level   Level  `json:"level"`
	Cause   string `json:"cause"`
	What    Text   `json:"what"`
	Do      *Text  `json:"do,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Took    int64  `json:"took_ms"`
}

const jsonVersion = 1

// writeJSON writes all findings at once.
func writeJSON(w io.Writer, findings []Finding) error {
	report := jsonReport{Version: jsonVersion, OK: true, Counts: map[Level]int{OK: 0, Warning: 0, Failure: 0, Skipped: 0}, Findings: []jsonFinding{}}
	for _, f := range findings {
		out := jsonFinding{
			Group: f.Group, Check: f.Name, Subject: f.Subject, Level: f.Level, Cause: f.Cause,
			What: f.What, Detail: f.Detail, Took: f.Took.Milliseconds(),
		}
		if f.Do != (Text{}) {
			out.Do = &f.Do
		}
		report.Counts[f.Level]++
		report.OK = report.OK && f.Level != Failure
		report.Findings = append(report.Findings, out)
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(report)
}

// paper writes findings for people, one after the other.
type paper struct {
	w       io.Writer
	chinese bool
	group   Group // of the line before
}

// marks are what the lines begin with; the Chinese ones are as wide in a terminal.
var marks = map[Level]Text{
	OK:      {"[ ok ]", "[正常]"},
	Warning: {"[warn]", "[注意]"},
	Failure: {"[FAIL]", "[故障]"},
	Skipped: {"[skip]", "[跳过]"},
}

// headings are the groups.
var headings = map[Group]Text{
	Configuration: {"Configuration", "配置"},
	Machine:       {"This machine", "本机"},
	Network:       {"Network", "网络"},
	Program:       {"The program", "程序"},
	Platform:      {"Platforms", "平台"},
	Store:         {"Store", "存储"},
	Model:         {"Models", "模型"},
	Tools:         {"Tools", "工具"},
}

// in is the sentence in the reader's language.
func (p *paper) in(t Text) string {
	if p.chinese {
		return t.ZH
	}
	return t.EN
}

// slow is how long a check may take without its line saying so.
const slow = time.Second

func (p *paper) write(f Finding) {
	if f.Group != p.group {
		p.group = f.Group
		fmt.Fprintf(p.w, "\n%s\n", p.in(headings[f.Group]))
	}
	took := ""
	if f.Took >= slow {
		took = fmt.Sprintf(" [%s]", f.Took.Round(100*time.Millisecond))
	}
	colon := ": "
	if p.chinese {
		colon = "："
	}
	fmt.Fprintf(p.w, "  %s %s%s%s%s\n", p.in(marks[f.Level]), f.Check, colon, p.in(f.What), took)
	if f.Detail != "" {
		fmt.Fprintf(p.w, "         (%s)\n", f.Detail)
	}
	if do := p.in(f.Do); do != "" {
		fmt.Fprintf(p.w, "         → %s\n", do)
	}
}

// sum is the last line.
func (p *paper) sum(findings []Finding) {
	count := map[Level]int{}
	for _, f := range findings {
		count[f.Level]++
	}
	line := Text{"%d ok, %d to look at, %d failed, %d not checked.", "正常 %d 项，注意 %d 项，故障 %d 项，未检查 %d 项。"}
	fmt.Fprintf(p.w, "\n"+p.in(line)+"\n", count[OK], count[Warning], count[Failure], count[Skipped])
}

// chineseBy reads the language of whoever runs the program, as the C library does.
func chineseBy(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := getenv(name); value != "" {
			return strings.HasPrefix(strings.ToLower(value), "zh")
		}
	}
	return false
}
