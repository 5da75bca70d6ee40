package redisstore

import (
	"testing"

	"longwire/conversation/redisstore/redistest"
	"longwire/conversation/storetest"
)

// FuzzStore makes up sequences of calls; after a restart, what was in hand stays
// there until its lease runs out.
func FuzzStore(f *testing.F) {
	storetest.Seeds(f)
	server := redistest.Start(f)
	f.Fuzz(func(t *testing.T, data []byte) { storetest.Interpret(t, on(t, server), false, data) })
}

func BenchmarkAccept(b *testing.B) { storetest.BenchmarkAccept(b, on(b, redistest.Start(b))) }
func BenchmarkCycle(b *testing.B)  { storetest.BenchmarkCycle(b, on(b, redistest.Start(b))) }
func BenchmarkCycleParallel(b *testing.B) {
	storetest.BenchmarkCycleParallel(b, on(b, redistest.Start(b)))
}
