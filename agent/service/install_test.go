package service

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"longwire/agent/config"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// files are the paths below root, folders with a slash.
func files(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnitIsThatOfThePackage(t *testing.T) {
	if packaged := read(t, "../../deploy/systemd/longwire.service"); packaged != Unit(Options{}) {
		t.Error("deploy/systemd/longwire.service is another one; copy agent/service/longwire.service there")
	}
}

func TestUnitTakesOptions(t *testing.T) {
	text := Unit(Options{Binary: "/opt/longwire/longwire", Config: "/etc/bots/a.yaml", User: "bots"})
	for _, want := range []string{
		"\nExecStart=/opt/longwire/longwire run --config /etc/bots/a.yaml\n",
		"\nLoadCredential=model_api_key:/etc/bots/credentials/model_api_key\n",
		"\nUser=bots\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, other := range []string{"DynamicUser", PackagedBinary + " ", "/etc/longwire/"} {
		if strings.Contains(text, other) {
			t.Errorf("%q in\n%s", other, text)
		}
	}
}

// Every secret that the unit loads has an empty default, and every secret that the
// first configuration refers to is loaded.
func TestUnitLoadsWhatTheConfigurationNames(t *testing.T) {
	loads := regexp.MustCompile(`(?m)^LoadCredential=([a-z_]+):`).FindAllStringSubmatch(unit, -1)
	if len(loads) < 3 {
		t.Fatalf("only %d secrets", len(loads))
	}
	loaded := map[string]bool{}
	for _, load := range loads {
		loaded[load[1]] = true
		if !strings.Contains(unit, "\nSetCredential="+load[1]+":\\n\n") {
			t.Errorf("%s has no default: without its file the service would not start", load[1])
		}
	}
	for _, name := range regexp.MustCompile(`\$\{file:([^}]+)\}`).FindAllStringSubmatch(firstConfig, -1) {
		if !loaded[name[1]] {
			t.Errorf("the configuration names %s, which is not loaded", name[1])
		}
	}
}

// The first configuration lacks nothing but what only the operator knows.
func TestFirstConfigurationIsGoodOnceFilledIn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"dingtalk_client_secret", "feishu_app_secret", "model_api_key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret-of-"+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	filled := strings.NewReplacer(`client_id: ""`, "client_id: dingabc", `app_id: ""`, "app_id: cli_a1b2c3d4e5f60708").Replace(firstConfig)
	getenv := func(name string) (string, bool) { return dir, name == "CREDENTIALS_DIRECTORY" }
	for text, good := range map[string]bool{firstConfig: false, filled: true} {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(path, getenv)
		if (err == nil) != good {
			t.Errorf("good %t, got %v", good, err)
		}
		if err == nil && (len(cfg.Connections) != 2 || cfg.Model.APIKey.Reveal() != "secret-of-model_api_key") {
			t.Errorf("%d connections", len(cfg.Connections))
		}
	}
}

func TestInstallWritesAndKeeps(t *testing.T) {
	root := t.TempDir()
	var out bytes.Buffer
	if err := Install(Options{Root: root}, &out); err != nil {
		t.Fatal(err)
	}
	conf, creds := filepath.Join(root, DefaultConfig), filepath.Join(root, "etc/longwire/credentials")
	if read(t, filepath.Join(root, unitFile)) != unit || read(t, conf) != firstConfig {
		t.Error("the files are not those of the program")
	}
	if m := mode(t, creds); m != 0o700 {
		t.Errorf("the folder of the secrets has mode %o", m)
	}
	if m := mode(t, conf); m != 0o644 { // the service runs as somebody else
		t.Errorf("the configuration has mode %o", m)
	}
	for _, want := range []string{"systemctl enable --now longwire", "接下来", "credentials/model_api_key", "check --config " + DefaultConfig, "doctor --config " + DefaultConfig} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}

	const mine = "# mine\n"
	if err := os.WriteFile(conf, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(conf, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(creds, "model_api_key"), []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := Install(Options{Root: root, Binary: "/usr/local/bin/longwire"}, &out); err != nil {
		t.Fatal(err)
	}
	if read(t, conf) != mine || mode(t, conf) != 0o640 || read(t, filepath.Join(creds, "model_api_key")) != "k" {
		t.Error("what was there is not kept")
	}
	if !strings.Contains(out.String(), "kept    "+DefaultConfig) || !strings.Contains(read(t, filepath.Join(root, unitFile)), "=/usr/local/bin/longwire run ") {
		t.Errorf("the second time:\n%s", out.String())
	}

	out.Reset()
	if err := Uninstall(Options{Root: root}, &out); err != nil {
		t.Fatal(err)
	}
	want := []string{DefaultConfig, "/etc/longwire/credentials/model_api_key"}
	if got := files(t, root); strings.Join(got, " ") != strings.Join(want, " ") && strings.Join(got, " ") != want[1]+" "+want[0] {
		t.Errorf("left: %v, want %v", got, want)
	}
	if err := Uninstall(Options{Root: root}, &out); err == nil {
		t.Error("uninstalled twice")
	}
}

func TestDryRunWritesNothing(t *testing.T) {
	root := t.TempDir()
	var out bytes.Buffer
	if err := Install(Options{Root: root, DryRun: true}, &out); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("wrote %v, %v", left, err)
	}
	if !strings.Contains(out.String(), "write   "+unitFile) || !strings.HasSuffix(out.String(), unit) {
		t.Errorf("said\n%s", out.String())
	}
	if err := Install(Options{Root: root}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if err := Uninstall(Options{Root: root, DryRun: true}, &out); err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(root, unitFile)) != unit {
		t.Error("the dry run removed the unit")
	}
}

func TestInstallRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		file string // what is there already
		want string
	}{
		"a relative binary":     {Options{Binary: "longwire"}, "", "path of the binary"},
		"a line in a path":      {Options{Config: "/etc/a\nUser=root"}, "", "path of the configuration"},
		"a specifier in a path": {Options{Binary: "/opt/%h/longwire"}, "", "path of the binary"},
		"a path with dots":      {Options{Binary: "/usr/../home/x"}, "", "path of the binary"},
		"a binary at home":      {Options{Binary: "/home/me/longwire"}, "", "sudo install"},
		"a binary in tmp":       {Options{Binary: "/tmp/longwire"}, "", "sudo install"},
		"a user with a line":    {Options{User: "a\nb"}, "", "name of a user"},
		"the package is there":  {Options{}, packagedUnit, "package"},
	} {
		t.Run(name, func(t *testing.T) {
			test.o.Root = t.TempDir()
			if test.file != "" {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(test.o.Root, test.file)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(test.o.Root, test.file), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := Install(test.o, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if got := files(t, test.o.Root); len(got) > 1 || len(got) == 1 && got[0] != test.file {
				t.Errorf("wrote %v", got)
			}
		})
	}
}

func TestUninstallRefusesWhatIsEnabled(t *testing.T) {
	root := t.TempDir()
	if err := Install(Options{Root: root}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, enabledUnit)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(unitFile, filepath.Join(root, enabledUnit)); err != nil { // leads nowhere below root
		t.Fatal(err)
	}
	if err := Uninstall(Options{Root: root}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "disable --now") {
		t.Errorf("got %v", err)
	}
}

func TestMainIsTheCommandLine(t *testing.T) {
	root := t.TempDir()
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"--help"}, 0, "", "usage: longwire install"},
		{[]string{"--colour"}, 2, "", "colour"},
		{[]string{"now"}, 2, "", `no argument "now"`},
		{[]string{"--root", root, "--binary", "/home/me/longwire"}, 1, "", "sudo install"},
		{[]string{"--root", blocked, "--binary", "/opt/longwire"}, 1, "", "not a directory"},
		{[]string{"--root", root, "--binary", "/opt/longwire", "--dry-run"}, 0, "ExecStart=/opt/longwire run", ""},
		{[]string{"--root", root, "--uninstall"}, 1, "", "there is no"},
		{[]string{"--root", root, "--binary", "/opt/longwire"}, 0, "systemctl enable", ""},
		{[]string{"--root", root, "--uninstall"}, 0, "daemon-reload", ""},
	} {
		var stdout, stderr bytes.Buffer
		code := Main(test.args, &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%v: %d\n%s\n%s", test.args, code, stdout.String(), stderr.String())
		}
		if test.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%v complains: %s", test.args, stderr.String())
		}
	}
}

// The READMEs say no better figure than systemd does, where it can be asked.
func TestExposureIsAsTheReadmesSay(t *testing.T) {
	var said []string
	for _, readme := range []string{"../../README.md", "../../README.zh-CN.md"} {
		figure := regexp.MustCompile(`systemd-analyze security` + "`" + `[^)）]*?(\d\.\d)[)）]`).FindStringSubmatch(read(t, readme))
		if figure == nil {
			t.Fatalf("%s does not say it", readme)
		}
		said = append(said, figure[1])
	}
	if said[0] != said[1] {
		t.Errorf("the READMEs say %v", said)
	}
	without := t.Skipf
	if os.Getenv("CI") == "true" { // where it is installed
		without = t.Fatalf
	}
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		without("needs systemd-analyze: %v", err)
	}
	out, _ := exec.CommandContext(t.Context(), path, "security", "--offline=true", "--no-pager", "../../deploy/systemd/longwire.service").CombinedOutput()
	level := regexp.MustCompile(`exposure level for longwire.service: (\d+\.\d)`).FindSubmatch(out)
	if level == nil {
		without("systemd-analyze cannot tell: %s", out)
	}
	if len(level[1]) > len(said[0]) || string(level[1]) > said[0] {
		t.Errorf("it is %s, and the READMEs say %s", level[1], said[0])
	}
}
