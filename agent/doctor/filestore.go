package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"longwire/conversation"
	"longwire/conversation/boltstore"
)

// store adds the checks of where events and conversations are kept.
func (p *planner) store() {
	if path, ok := p.cfg.Store.File(); ok {
		p.storeFile("store", path)
		return
	}
	p.redis()
	if path, ok := p.cfg.SpoolFile(); ok {
		p.storeFile("spool", path)
	}
}

func (p *planner) storeFile(name, path string) {
	path = p.on.work.at(path)
	s := p.add(Check{Store, name, path}, func(context.Context) verdict { return p.file(path) }, p.writes[path])
	s.after = []*step{p.admin}
}

// file looks at a store's file. One that the program holds is fine; one that nobody
// holds is opened, as a copy.
func (p *planner) file(path string) verdict {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return good(storeNew)
	}
	if err != nil {
		return fail(storeUnreadable).seen(err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return fail(fileIsFolder)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK) && p.health != nil:
		return good(storeHeld)
	case errors.Is(err, syscall.EWOULDBLOCK):
		return warn(storeTaken)
	case err != nil:
		return fail(storeUnreadable).seen(err)
	}
	return openCopy(f)
}

// maxCopy bounds what is copied to be looked at, in bytes: while it is, nobody else
// can open the file.
const maxCopy = 64 << 20

// openCopy opens a copy of a store that we hold the lock of: opening the store itself
// would write to it.
func openCopy(f *os.File) (v verdict) {
	if info, err := f.Stat(); err == nil && info.Size() > maxCopy {
		return skip(storeLarge, bytesText(uint64(info.Size())))
	}
	folder, err := os.MkdirTemp("", "longwire-doctor-")
	if err != nil {
		return skip(storeUncopied).seen(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "store.db")
	if err := copyTo(path, f); err != nil {
		return skip(storeUncopied).seen(err)
	}
	s, err := boltstore.Open(path, conversation.Options{})
	if err != nil {
		// Its error names the copy, which would lead nowhere.
		return fail(storeDamaged).seen(inner(err))
	}
	if err := s.Close(); err != nil {
		return fail(storeDamaged).seen(inner(err))
	}
	return good(storeGood)
}

// inner is what an error wraps, without the words about where it happened.
func inner(err error) error {
	if below := errors.Unwrap(err); below != nil {
		return below
	}
	return err
}

func copyTo(path string, from io.Reader) error {
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(fmt.Errorf("copy: %w", err), to.Close())
	}
	return to.Close()
}
