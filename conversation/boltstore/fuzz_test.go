package boltstore

import (
	"testing"

	"longwire/conversation"
	"longwire/conversation/storetest"
)

// FuzzStore makes up sequences of calls; after a restart everything is free. No
// power is cut here, so nothing waits for the disk.
func FuzzStore(f *testing.F) {
	storetest.Seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		open := inTemp(t)
		unsynced := func(opts conversation.Options) (conversation.Store, error) {
			store, err := open(opts)
			if err == nil {
				store.(*Store).db.NoSync = true
			}
			return store, err
		}
		storetest.Interpret(t, unsynced, true, data)
	})
}

func BenchmarkAccept(b *testing.B)        { storetest.BenchmarkAccept(b, inTemp(b)) }
func BenchmarkCycle(b *testing.B)         { storetest.BenchmarkCycle(b, inTemp(b)) }
func BenchmarkCycleParallel(b *testing.B) { storetest.BenchmarkCycleParallel(b, inTemp(b)) }
