package service

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The places of the unit file: ours, and the package's, which ours would hide.
const (
	unitFile     = "/etc/systemd/system/longwire.service"
	packagedUnit = "/usr/lib/systemd/system/longwire.service"
	enabledUnit  = "/etc/systemd/system/multi-user.target.wants/longwire.service"
)

const nextSteps = `
Next, as root:                                  接下来（以 root 身份）：
  1. write who you are on the platforms         填写平台应用与模型
       %[1]s
  2. one file for each secret                   每个密钥写入一个文件（粘贴后回车，再按 Ctrl-D）
       install -m 600 /dev/stdin %[2]s/dingtalk_client_secret
       install -m 600 /dev/stdin %[2]s/feishu_app_secret
       install -m 600 /dev/stdin %[2]s/model_api_key
  3. is it right?                               检查配置
       CREDENTIALS_DIRECTORY=%[2]s %[3]s check --config %[1]s
     does it reach everything?                  逐步检查网络、凭证、模型与存储
       CREDENTIALS_DIRECTORY=%[2]s %[3]s doctor --config %[1]s
  4. start it, now and at boot                  启动，并设为开机自启
       systemctl daemon-reload
       systemctl enable --now longwire
  5. is it well?                                查看状态
       systemctl status longwire
       journalctl -u longwire
`

// Install writes the unit file, and, where they are not there yet, the configuration
// and the folder of the secrets. It says on out what it did and what to do next.
func Install(o Options, out io.Writer) error {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return err
	}
	w := writer{root: o.Root, dry: o.DryRun, out: out}
	if w.exists(packagedUnit) {
		return fmt.Errorf("the package has installed %s already; nothing is left to do", packagedUnit)
	}
	w.folder(filepath.Dir(o.Config), 0o755)
	w.folder(o.credentials(), 0o700)
	if w.exists(o.Config) {
		w.say("kept", o.Config)
	} else {
		w.file(o.Config, firstConfig)
	}
	w.file(unitFile, Unit(o))
	if w.err != nil {
		return fmt.Errorf("install: %w", w.err)
	}
	if o.DryRun {
		_, err := fmt.Fprintf(out, "\n%s", Unit(o))
		return err
	}
	_, err := fmt.Fprintf(out, nextSteps, o.Config, o.credentials(), o.Binary)
	return err
}

// Uninstall removes the unit file. The configuration, the secrets and what is stored
// stay; it says on out where they are.
func Uninstall(o Options, out io.Writer) error {
	o = o.withDefaults()
	w := writer{root: o.Root, dry: o.DryRun, out: out}
	if w.exists(enabledUnit) {
		return errors.New("the service still starts at boot; first: systemctl disable --now longwire")
	}
	if !w.exists(unitFile) {
		return fmt.Errorf("there is no %s", unitFile)
	}
	w.remove(unitFile)
	if w.err != nil {
		return fmt.Errorf("uninstall: %w", w.err)
	}
	_, err := fmt.Fprintf(out, `
Then: systemctl daemon-reload
Left, to be removed by hand / 以下内容保留，可自行删除:
  %s
  /var/lib/longwire   (/var/lib/private/longwire)
`, filepath.Dir(o.Config))
	return err
}

// writer writes below a root and says so, until something fails.
type writer struct {
	root string
	dry  bool
	out  io.Writer
	err  error // the first failure; after it nothing is written
}

// under is where path is below the root.
func (w *writer) under(path string) string { return filepath.Join(w.root, path) }

// exists reports whether something is at path, be it a link that leads nowhere.
func (w *writer) exists(path string) bool {
	_, err := os.Lstat(w.under(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.failed(err)
	}
	return err == nil
}

func (w *writer) folder(path string, mode fs.FileMode) {
	if w.err != nil || w.exists(path) {
		return
	}
	w.say("folder", path)
	if w.dry {
		return
	}
	if err := os.MkdirAll(w.under(path), 0o755); err != nil {
		w.failed(err)
		return
	}
	w.failed(os.Chmod(w.under(path), mode)) // whatever the umask is
}

// file puts text at path in one step, so that nobody reads half of it.
func (w *writer) file(path, text string) {
	if w.err != nil {
		return
	}
	w.say("write", path)
	if w.dry {
		return
	}
	place := w.under(path)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		w.failed(err)
		return
	}
	temporary, err := os.CreateTemp(filepath.Dir(place), ".longwire-")
	if err != nil {
		w.failed(err)
		return
	}
	_, err = temporary.WriteString(text)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), place)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temporary.Name()))
	}
	w.failed(err)
}

func (w *writer) remove(path string) {
	if w.err != nil {
		return
	}
	w.say("remove", path)
	if !w.dry {
		w.failed(os.Remove(w.under(path)))
	}
}

func (w *writer) say(verb, path string) {
	if w.err == nil {
		_, err := fmt.Fprintf(w.out, "%-7s %s\n", verb, path)
		w.failed(err)
	}
}

// failed remembers the first failure.
func (w *writer) failed(err error) {
	if w.err == nil {
		w.err = err
	}
}
