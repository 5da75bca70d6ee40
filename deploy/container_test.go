package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// references are the secrets that a configuration names, in the lines that count.
func references(text string) (names []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, found := range regexp.MustCompile(`\$\{file:([^}]+)\}`).FindAllStringSubmatch(line, -1) {
			names = append(names, found[1])
		}
	}
	return names
}

func TestComposeOpensNothing(t *testing.T) {
	compose := documents(t, "compose.yaml")[0]
	for _, name := range []string{"longwire", "redis"} {
		at := "services." + name + "."
		compose.want(t, at+"ports", nil)
		compose.want(t, at+"expose", nil)
		compose.want(t, at+"network_mode", nil)
		compose.want(t, at+"privileged", nil)
		compose.want(t, at+"environment", nil) // no secret in the environment
		compose.want(t, at+"read_only", true)
		compose.want(t, at+"cap_drop", []string{"ALL"})
		compose.want(t, at+"security_opt", []string{"no-new-privileges:true"})
		if user, _ := compose.at(at + "user").(string); user == "" || strings.HasPrefix(user, "0") {
			t.Errorf("%s runs as %q", name, user)
		}
		if compose.at(at+"healthcheck.test") == nil {
			t.Errorf("%s has no health check", name)
		}
	}
	compose.want(t, "services.redis.networks", []string{"inside"})
	compose.want(t, "networks.inside.internal", true)
	compose.want(t, "services.longwire.depends_on.redis.condition", "service_healthy")
}

// Redis keeps what it acknowledged: on the disk, in a volume, and never evicted.
func TestRedisKeepsWhatItHas(t *testing.T) {
	commands := map[string]any{
		"compose":    documents(t, "compose.yaml")[0].at("services.redis.command"),
		"kubernetes": find(t, "kubernetes/redis.yaml", "StatefulSet", "redis").at(pod + "containers.0.command"),
	}
	for where, command := range commands {
		list, _ := command.([]any)
		var words []string
		for _, word := range list {
			words = append(words, word.(string))
		}
		text := strings.Join(words, " ")
		for _, want := range []string{"--dir /data", "--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in %s", where, want, text)
			}
		}
	}
	documents(t, "compose.yaml")[0].want(t, "services.redis.volumes", []string{"redis:/data"})
	find(t, "kubernetes/redis.yaml", "StatefulSet", "redis").want(t, "spec.volumeClaimTemplates.0.metadata.name", "data")
}

func TestComposeConfigurationIsGood(t *testing.T) {
	text := read(t, "container/config.yaml")
	checkShared(t, loads(t, text))
	compose := documents(t, "compose.yaml")[0]
	var given []string
	for _, name := range compose.at("services.longwire.secrets").([]any) {
		given = append(given, name.(string))
	}
	names := references(text)
	slices.Sort(given)
	slices.Sort(names)
	if !slices.Equal(given, names) {
		t.Errorf("given %v, named %v", given, names)
	}
	for _, name := range given {
		compose.want(t, "secrets."+name, map[string]string{"file": "./secrets/" + name})
	}
}

func TestImageHoldsTheProgramAndNoMore(t *testing.T) {
	text := read(t, "container/Containerfile")
	for _, want := range []string{"\nFROM scratch\n", "\nUSER 65532:65532\n", "\nVOLUME /data\n", `CMD ["/longwire", "health"]`, "ca-certificates.crt"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, never := range []string{"\nEXPOSE", "\nADD", "\nRUN", ":latest"} {
		if strings.Contains(text, never) {
			t.Errorf("there is %q", never)
		}
	}
}

func TestPackageKeepsWhatIsTheOperators(t *testing.T) {
	type content struct {
		Src, Dst, Type string
		Info           struct{ Mode int } `yaml:"file_info"`
	}
	var nfpm struct {
		Contents []content
		Scripts  map[string]string
	}
	if err := yaml.Unmarshal([]byte(read(t, "nfpm.yaml")), &nfpm); err != nil {
		t.Fatal(err)
	}
	all := map[string]content{}
	for _, c := range nfpm.Contents {
		all[c.Dst] = c
		if c.Src != "" && !strings.HasPrefix(c.Src, "./dist/") {
			read(t, "../"+c.Src) // it is there
		}
	}
	if c := all["/etc/longwire/config.yaml"]; c.Type != "config|noreplace" || c.Info.Mode != 0o644 {
		t.Errorf("the configuration is %+v", c)
	}
	if c := all["/etc/longwire/credentials"]; c.Type != "dir" || c.Info.Mode != 0o700 {
		t.Errorf("the folder of the secrets is %+v", c)
	}
	if c := all["/usr/lib/systemd/system/longwire.service"]; c.Src != "./deploy/systemd/longwire.service" {
		t.Errorf("the unit is %+v", c)
	}
	for name, script := range nfpm.Scripts {
		text := read(t, "../"+script)
		if !strings.HasPrefix(text, "#!/bin/sh\n") || !strings.Contains(text, "\nset -e\n") {
			t.Errorf("%s goes on after a failure", name)
		}
		if strings.Contains(text, "systemctl start") || strings.Contains(text, "systemctl enable --now longwire\n\t") {
			t.Errorf("%s starts what is not set up", name)
		}
	}
}
