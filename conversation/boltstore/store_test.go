package boltstore

import (
	"path/filepath"
	"testing"

	"longwire/conversation"
	"longwire/conversation/storetest"
)

// inTemp opens stores on a file of the test's own.
func inTemp(tb testing.TB) storetest.Open {
	path := filepath.Join(tb.TempDir(), "folder", "longwire.db")
	return func(opts conversation.Options) (conversation.Store, error) { return Open(path, opts) }
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open { return inTemp(t) })
}
