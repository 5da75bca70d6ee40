package service

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Where a package puts what the unit names.
const (
	PackagedBinary = "/usr/bin/longwire"
	DefaultConfig  = "/etc/longwire/config.yaml"
)

//go:embed longwire.service
var unit string

//go:embed config.yaml
var firstConfig string

// Options say what to install, and where. The zero value is what the package does.
type Options struct {
	Root   string // what stands before all paths that are written, for images; default /
	Binary string // the program; default PackagedBinary
	Config string // its configuration; default DefaultConfig
	User   string // whom it runs as; default one that systemd makes up for the service
	DryRun bool   // only say what would be written
}

func (o Options) withDefaults() Options {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Binary == "" {
		o.Binary = PackagedBinary
	}
	if o.Config == "" {
		o.Config = DefaultConfig
	}
	return o
}

// plainPath is what may stand in a unit file without quoting, and plainUser the name
// of an account.
var (
	plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/+-]+$`)
	plainUser = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
)

func (o Options) check() error {
	for name, path := range map[string]string{"binary": o.Binary, "configuration": o.Config} {
		if !plainPath.MatchString(path) || filepath.Clean(path) != path {
			return fmt.Errorf("the path of the %s is %q: write an absolute one of letters, digits and . _ + - /", name, path)
		}
	}
	for _, hidden := range []string{"/home/", "/root/", "/tmp/", "/var/tmp/", "/run/user/"} {
		for name, path := range map[string]string{"binary": o.Binary, "configuration": o.Config} {
			if strings.HasPrefix(path, hidden) {
				return fmt.Errorf("the %s %s is in a folder that the service does not see; "+
					"put the program into /usr/local/bin (sudo install -m 755 longwire /usr/local/bin/) and the configuration into /etc/longwire", name, path)
			}
		}
	}
	if o.User != "" && !plainUser.MatchString(o.User) {
		return fmt.Errorf("%q is not the name of a user", o.User)
	}
	return nil
}

// Unit is the text of the unit file.
func Unit(o Options) string {
	o = o.withDefaults()
	lines := []string{
		PackagedBinary + " run --config " + DefaultConfig, o.Binary + " run --config " + o.Config,
		filepath.Dir(DefaultConfig) + "/credentials/", o.credentials() + "/",
	}
	if o.User != "" {
		lines = append(lines, "DynamicUser=yes", "User="+o.User)
	}
	return strings.NewReplacer(lines...).Replace(unit)
}

// credentials is the folder of the secrets.
func (o Options) credentials() string { return filepath.Join(filepath.Dir(o.Config), "credentials") }
