package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is what is asked of the operating system. Tests put in its place what they
// cannot stage: a full disk, little memory.
type machine struct {
	now    func() time.Time
	space  func(folder string) (space, error)
	files  func() (limit uint64, err error)
	memory func() (free uint64, ok bool)
	units  []string  // see unitFiles
	work   workplace // where relative paths lead
}

// space is what is left of a file system.
type space struct {
	free   uint64 // bytes, for us
	inodes uint64 // that are left
	all    uint64 // inodes there are; 0: the file system has none to run out of
}

func thisMachine() machine {
	return machine{now: time.Now, space: spaceOf, files: fileLimit, memory: freeMemory, units: unitFiles}
}

func spaceOf(folder string) (space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return space{}, err
	}
	return space{free: s.Bavail * uint64(s.Bsize), inodes: s.Ffree, all: s.Files}, nil
}

// fileLimit is how many files and sockets the program may have open. Go has raised it
// to the hard limit when the process began, here as there.
func fileLimit() (uint64, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return r.Cur, err
}

// freeMemory is the memory that nobody uses, of the machine or of our control group,
// whichever has less.
func freeMemory() (free uint64, ok bool) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			free, ok = kib<<10, err == nil
		}
	}
	limit, err1 := readNumber("/sys/fs/cgroup/memory.max")
	used, err2 := readNumber("/sys/fs/cgroup/memory.current")
	if err1 == nil && err2 == nil && ok {
		free = min(free, limit-min(used, limit))
	}
	return free, ok
}

func readNumber(path string) (uint64, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(raw)), 10, 64)
}

// What has to be left. A store grows by what people write, and a Redis that is away
// is spooled to disk.
const (
	littleSpace  = 1 << 30
	noSpace      = 100 << 20
	littleInodes = 10_000
	noInodes     = 100
	fewFiles     = 4096 // 1024 workers, each with a socket to the model and one to the platform, twice
	littleMemory = 128 << 20
)

// machine adds the checks of files, disks and limits.
func (p *planner) machine() {
	p.folder()
	folders := map[string]bool{}
	for _, file := range p.files() {
		writable := p.add(Check{Machine, "writable", file}, func(context.Context) verdict { return writable(file) })
		p.writes[file] = writable
		folder := standing(filepath.Dir(file))
		if !folders[folder] {
			folders[folder] = true
			p.add(Check{Machine, "disk", folder}, func(context.Context) verdict { return p.on.disk(folder) }, writable)
		}
	}
	p.add(Check{Group: Machine, Name: "open files"}, func(context.Context) verdict { return p.on.openFiles() })
	p.add(Check{Group: Machine, Name: "memory"}, func(context.Context) verdict { return p.on.enoughMemory() })
}

// files are the files that the program writes, and where it writes them.
func (p *planner) files() (files []string) {
	for _, path := range p.named() {
		files = append(files, p.on.work.at(path))
	}
	return files
}

// named are the same as the configuration names them.
func (p *planner) named() (files []string) {
	if path, ok := p.cfg.Store.File(); ok {
		files = append(files, path)
	}
	if path, ok := p.cfg.SpoolFile(); ok {
		files = append(files, path)
	}
	for _, path := range []string{p.cfg.Record.File, p.cfg.Log.File.Path} {
		if path != "" {
			files = append(files, path)
		}
	}
	return files
}

// standing is folder, or the nearest one above it that is there: the program makes
// those below.
func standing(folder string) string {
	for {
		_, err := os.Stat(folder)
		above := filepath.Dir(folder)
		if !errors.Is(err, fs.ErrNotExist) || above == folder {
			return folder
		}
		folder = above
	}
}

// writable tries whether a file can be written, and leaves it as it is.
func writable(path string) verdict {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fail(fileIsFolder)
	case err == nil:
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return fail(fileUnwritable, path).seen(err)
		}
		_ = f.Close()
		return good(fileGood)
	case !errors.Is(err, fs.ErrNotExist):
		return fail(fileUnwritable, path).seen(err)
	}
	folder := standing(filepath.Dir(path))
	f, err := os.CreateTemp(folder, ".longwire-doctor-*")
	if err != nil {
		return fail(fileUnwritable, folder).seen(err)
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return fail(fileUnwritable, folder).seen(err)
	}
	return good(fileNew)
}

func (m machine) disk(folder string) verdict {
	s, err := m.space(folder)
	if err != nil {
		return fail(diskUnknown).seen(err)
	}
	left := bytesText(s.free)
	switch {
	case s.free < noSpace:
		return fail(diskFull, left)
	case s.all > 0 && s.inodes < noInodes:
		return fail(inodesOut, s.inodes)
	case s.free < littleSpace:
		return warn(diskFull, left)
	case s.all > 0 && s.inodes < littleInodes:
		return warn(inodesOut, s.inodes)
	}
	return good(diskGood, left)
}

func (m machine) openFiles() verdict {
	limit, err := m.files()
	switch {
	case err != nil:
		return skip(filesUnknown).seen(err)
	case limit < fewFiles:
		return warn(filesFew, limit)
	}
	return good(filesGood, limit)
}

func (m machine) enoughMemory() verdict {
	free, ok := m.memory()
	switch {
	case !ok:
		return skip(memoryUnknown)
	case free < littleMemory:
		return warn(memoryLow, bytesText(free))
	}
	return good(memoryGood, bytesText(free))
}

// bytesText is a size as people read it.
func bytesText(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
