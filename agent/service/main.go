package service

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const usage = `usage: longwire install [flags]

Writes a systemd unit, a first configuration and the folder of the secrets, and says
what to do next. Files of yours are kept. It starts nothing.

`

// The exit codes of Main, as those of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is longwire install; args are what stands behind that. It returns the exit
// code.
func Main(args []string, stdout, stderr io.Writer) int {
	o, uninstall, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintf(stderr, "longwire: %v\n", err)
		return exitUsage
	}
	work := Install
	if uninstall {
		work = Uninstall
	}
	if err := work(o, stdout); err != nil {
		fmt.Fprintf(stderr, "longwire: %v\n", err)
		if errors.Is(err, fs.ErrPermission) {
			fmt.Fprintln(stderr, "try it with sudo / 请使用 sudo")
		}
		return exitFailed
	}
	return exitDone
}

func parse(args []string, stderr io.Writer) (o Options, uninstall bool, err error) {
	flags := flag.NewFlagSet("longwire install", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.Root, "root", "/", "write below this `FOLDER`, for images")
	flags.StringVar(&o.Binary, "binary", "", "the `PATH` of the program; default where this one is")
	flags.StringVar(&o.Config, "config", DefaultConfig, "the `PATH` of the configuration")
	flags.StringVar(&o.User, "user", "", "run as this `USER`; default one that systemd makes up for the service")
	flags.BoolVar(&o.DryRun, "dry-run", false, "write nothing, print what would be written")
	flags.BoolVar(&uninstall, "uninstall", false, "remove the unit again")
	if err := flags.Parse(args); err != nil {
		return o, false, err
	}
	if flags.NArg() > 0 {
		return o, false, fmt.Errorf("longwire install takes no argument %q", flags.Arg(0))
	}
	if o.Binary == "" && !uninstall {
		if o.Binary, err = self(); err != nil {
			return o, false, fmt.Errorf("find this program: %w; name it with --binary", err)
		}
	}
	return o, uninstall, nil
}

// self is where this program is, with links followed.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
