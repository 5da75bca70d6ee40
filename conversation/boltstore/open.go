package boltstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"longwire/conversation"
)

// lockWait is how long Open waits for another process to let the file go, which
// is what happens when a service manager restarts the program.
const lockWait = 700 * time.Millisecond

// Open opens the file at path and creates it, with its folder, if it is not
// there. Whatever was in somebody's hands when the file was last used is free
// again; the line is rebuilt in the order of the oldest waiting events.
func Open(path string, opts conversation.Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open %s: create folder: %w", path, err)
	}
	s := &Store{
		opts:   opts.WithDefaults(),
		lead:   make(chan struct{}, 1),
		lines:  make(map[string]*line),
		closed: make(chan struct{}),

		roomTime: roomTime,
	}
	if err := s.open(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, explain(err))
	}
	return s, nil
}

// open opens the file, checks its format and reads the line. bbolt panics, or
// touches memory behind the end of the file, where a page is damaged; while the
// file is being read for the first time, both are an error like any other.
func (s *Store) open(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", bolterrors.ErrInvalid, p)
		}
		if err != nil && s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
	}()
	_, statErr := os.Stat(path)
	s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockWait,
		// The list of free pages stays in the file, as it does by default. Without
		// it bbolt looks for them when it opens the file, in a goroutine of its own,
		// where a damaged page ends the whole process.
		FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return err
	}
	if errors.Is(statErr, os.ErrNotExist) {
		err = syncFolder(filepath.Dir(path)) // a new file's name has to survive too
	}
	if err == nil {
		err = s.db.Update(prepare)
	}
	if err == nil {
		err = s.rebuild()
	}
	return err
}

// prepare makes the outermost buckets and refuses a file of another format.
func prepare(tx *bbolt.Tx) error {
	file, err := tx.CreateBucketIfNotExists(fileBucket)
	if err != nil {
		return err
	}
	switch have := string(file.Get(formatKey)); have {
	case format:
	case "":
		if err := file.Put(formatKey, []byte(format)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the file has format %q, this program knows format %q: use the program that wrote it", have, format)
	}
	_, err = tx.CreateBucketIfNotExists(connectionsBucket)
	return err
}

// explain adds to an error of bbolt what to do about it.
func explain(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("another process holds this file: stop that process, or configure another file: %w", err)
	case errors.Is(err, bolterrors.ErrInvalid),
		errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("not a store of conversations, or damaged: move it away or restore a copy: %w", err)
	}
	return err
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// storeError says which call an error belongs to and hides that bbolt is below.
func storeError(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bolterrors.ErrDatabaseNotOpen):
		err = conversation.ErrClosed
	}
	return fmt.Errorf("%s: %w", op, err)
}
