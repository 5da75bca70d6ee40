package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"longwire/agent/model/modeltest"
	"longwire/connectors/dingtalk/dingtalktest"
	"longwire/connectors/feishu/feishutest"
)

// The two network namespaces of these tests: the program is in one, the platforms and
// the model in the other, and a cable is between them.
const (
	cloudIP = "10.77.1.1"
	agentIP = "10.77.1.2"
)

// closed is the firewall of a server that nobody can connect to: what comes in is
// dropped, and counted, unless it answers what went out.
const closed = `
table inet longwire {
	chain input {
		type filter hook input priority 0; policy drop;
		iif lo accept
		ct state established,related accept
		meta l4proto tcp counter drop
	}
}`

// proxied lets nothing out but to the proxy.
const proxied = closed + `
table inet longwire {
	chain output {
		type filter hook output priority 0; policy drop;
		oif lo accept
		ct state established,related accept
		ip daddr ` + cloudIP + ` tcp dport 8888 accept
	}
}`

// TestNoInboundPort: the program answers on both platforms from behind a firewall that
// drops every inbound connection.
func TestNoInboundPort(t *testing.T) {
	n := newNamespaces(t, closed)
	cloud := n.cloud()
	n.program(cloud, "", nil)
	cloud.answers(t, "dingtalk", "feishu")

	for _, port := range []string{"18789", "80", "443"} {
		if out, err := n.in(n.other, "timeout", "1", "bash", "-c", "echo > /dev/tcp/"+agentIP+"/"+port).CombinedOutput(); err == nil {
			t.Errorf("port %s of the program's machine takes connections: %s", port, out)
		}
	}
	rules := n.must(n.in(n.agent, "nft", "list", "ruleset"))
	if !strings.Contains(rules, "counter packets") || strings.Contains(rules, "counter packets 0 ") {
		t.Errorf("the firewall has dropped nothing, so it was not in the way:\n%s", rules)
	}
}

// TestThroughAProxy: HTTP and websocket alike go through a real proxy, and there is no
// other way out. The proxy is named by the environment, or by the configuration and
// asks for a password.
func TestThroughAProxy(t *testing.T) {
	for name, c := range map[string]struct{ auth, env, setting string }{
		"environment":   {env: "http://" + cloudIP + ":8888"},
		"configuration": {auth: "BasicAuth user hush-proxy", setting: "http://user:hush-proxy@" + cloudIP + ":8888"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNamespaces(t, proxied)
			n.proxy(c.auth)
			cloud := n.cloud()
			env := []string{"HTTP_PROXY=" + c.env, "HTTPS_PROXY=" + c.env, "NO_PROXY=localhost"}
			said := n.program(cloud, c.setting, env)
			cloud.answers(t, "dingtalk", "feishu")
			if strings.Contains(said.String(), "hush-proxy") {
				t.Error("the proxy's password is in the log")
			}
		})
	}
}

// namespaces are two machines with a cable between them.
type namespaces struct {
	t            *testing.T
	agent, other string // the program's, and that of everybody else
}

func newNamespaces(t *testing.T, firewall string) *namespaces {
	t.Helper()
	for _, tool := range []string{"ip", "nft", "tinyproxy"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getuid() != 0 {
			if os.Getenv("CI") == "true" {
				t.Fatalf("needs root and %s", tool)
			}
			t.Skipf("needs root and %s", tool)
		}
	}
	id := fmt.Sprint(os.Getpid() % 100_000)
	n := &namespaces{t: t, agent: "lwa" + id, other: "lwc" + id}
	for _, name := range []string{n.agent, n.other} {
		n.must(exec.Command("ip", "netns", "add", name))
		t.Cleanup(func() { n.must(exec.Command("ip", "netns", "del", name)) })
		n.must(n.in(name, "ip", "link", "set", "lo", "up"))
	}
	n.must(exec.Command("ip", "link", "add", "v0", "netns", n.agent, "type", "veth", "peer", "name", "v0", "netns", n.other))
	for name, ip := range map[string]string{n.agent: agentIP, n.other: cloudIP} {
		n.must(n.in(name, "ip", "addr", "add", ip+"/24", "dev", "v0"))
		n.must(n.in(name, "ip", "link", "set", "v0", "up"))
	}
	load := n.in(n.agent, "nft", "-f", "-")
	load.Stdin = strings.NewReader(firewall)
	n.must(load)
	return n
}

// in is a command in a namespace.
func (n *namespaces) in(namespace string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", namespace}, args...)...)
}

func (n *namespaces) must(cmd *exec.Cmd) string {
	n.t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// begin starts a command and ends it with the test.
func (n *namespaces) begin(cmd *exec.Cmd) {
	n.t.Helper()
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// program starts the program in its namespace, on the platforms and the model of c.
func (n *namespaces) program(c *cloud, proxy string, env []string) *lockedBuffer {
	n.t.Helper()
	dir := n.t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(`
connections:
  - {name: ding, platform: dingtalk, client_id: ding1, client_secret: ding-secret, endpoint: %[1]q, reply: text, welcome: "off", proxy: %[4]q}
  - {name: fei, platform: feishu, app_id: cli_0123456789abcdef, app_secret: feishu-secret, endpoint: %[2]q, reply: text, welcome: "off", proxy: %[4]q}
model: {endpoint: %[3]q, api_key: model-secret, name: test, proxy: %[4]q}
store: file:%[5]s/longwire.db
log: {format: json}
`, c.DingTalk, c.Feishu, c.Model, proxy, dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	said := &lockedBuffer{}
	cmd := n.in(n.agent, os.Args[0], "run", "--config", file)
	cmd.Env = append(append(os.Environ(), runAsProgram+"=1"), env...)
	cmd.Stderr = said
	n.begin(cmd)
	n.t.Cleanup(func() {
		if n.t.Failed() {
			n.t.Logf("the program said:\n%s", said)
		}
	})
	return said
}

// proxy starts a real one among the platforms.
func (n *namespaces) proxy(auth string) {
	n.t.Helper()
	file := filepath.Join(n.t.TempDir(), "tinyproxy.conf")
	text := "Port 8888\nListen " + cloudIP + "\nTimeout 600\nMaxClients 50\nLogLevel Error\nViaProxyName \"proxy\"\n" + auth + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.begin(n.in(n.other, "tinyproxy", "-d", "-c", file))
}

// runAsCloud makes the test binary be the platforms and the model, on the address that
// it has.
const runAsCloud = "LONGWIRE_TEST_RUN_AS_CLOUD"

// cloud is the platforms and the model, in a process of their own.
type cloud struct {
	DingTalk, Feishu, Model string // URLs
	in                      io.Writer
	out                     *bufio.Scanner
}

func (n *namespaces) cloud() *cloud {
	n.t.Helper()
	cmd := n.in(n.other, os.Args[0])
	cmd.Env = append(os.Environ(), runAsCloud+"="+cloudIP)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.begin(cmd)
	c := &cloud{in: in, out: bufio.NewScanner(out)}
	if !c.out.Scan() || json.Unmarshal(c.out.Bytes(), c) != nil {
		n.t.Fatalf("the platforms did not start: %q", c.out.Text())
	}
	return c
}

// answers has a person write on each platform, and insists on the answer.
func (c *cloud) answers(t *testing.T, platforms ...string) {
	t.Helper()
	for _, platform := range platforms {
		if _, err := fmt.Fprintln(c.in, platform); err != nil {
			t.Fatal(err)
		}
		if !c.out.Scan() || c.out.Text() != "re: hello" {
			t.Fatalf("%s: the answer is %q", platform, c.out.Text())
		}
	}
}

// runCloud is the process: it says where it listens, then for each platform's name that
// it reads it has somebody write there and prints the answer.
func runCloud(ip string) error {
	at := net.JoinHostPort(ip, "0")
	model, err := modeltest.Start(at, func(r modeltest.Request) modeltest.Response { return modeltest.Words("re: ", r.Question()) })
	if err != nil {
		return err
	}
	ding, err := dingtalktest.Start(dingtalktest.Options{Addr: at, Apps: []dingtalktest.App{{ClientID: "ding1", ClientSecret: "ding-secret"}}})
	if err != nil {
		return err
	}
	fei, err := feishutest.Start(feishutest.Options{Addr: at, Apps: []feishutest.App{{AppID: "cli_0123456789abcdef", AppSecret: "feishu-secret"}}})
	if err != nil {
		return err
	}
	chats := map[string]chat{"dingtalk": dingtalkChat{ding}, "feishu": feishuChat{fei}}
	if err := json.NewEncoder(os.Stdout).Encode(cloud{DingTalk: ding.URL(), Feishu: fei.URL(), Model: model.URL()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		chat := chats[lines.Text()]
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := chat.waitUp(ctx)
		var got reply
		if err == nil {
			got, err = chat.waitReply(ctx, chat.say(line{text: "hello"}))
		}
		cancel()
		if err != nil {
			got.text = "error: " + err.Error()
		}
		fmt.Println(got.text)
	}
	return nil
}
