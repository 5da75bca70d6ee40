package storetest

import "testing"

// Seeds adds sequences of calls for Interpret that a fuzzer can start from.
func Seeds(f *testing.F) {
	const accept, take, done, release, renew, other = opAccept, opTake, opDone, opRelease, opRenew, opOther
	const note, interrupt, bury, desk, forget = opNote, opInterrupt, opBury, opDesk, opForget
	f.Add([]byte{})
	f.Add([]byte{accept, 0, accept, 4, take, 0, accept, 0, done, 2, take, 0, done, 1, take, 0, other, 1})
	f.Add([]byte{accept, 0, accept, 5, accept, 8, take, 0, other, 0, take, 0, take, 0, done, 8, done, 0, other, 1})
	f.Add([]byte{accept, 0, accept, 5, accept, 10, accept, 15, accept, 16, accept, 20, accept, 24, take, 0, done, 2,
		accept, 24, accept, 28, other, 1})
	f.Add([]byte{accept, 0, take, 0, release, 0, take, 0, renew, 0, release, 8, renew, 8, done, 8, done, 2, done, 2})
	f.Add([]byte{accept, 0, accept, 5, take, 0, note, 8, note, 1, interrupt, 0, renew, 8, renew, 0, release, 8, other, 0,
		take, 0, take, 0, other, 1, renew, 0, interrupt, 1, interrupt, 1, bury, 0, done, 8, desk, 1, other, 1})
	f.Add([]byte{accept, 0, take, 0, bury, 2, accept, 5, take, 0, bury, 1, accept, 10, take, 0, note, 0, bury, 0, desk, 0,
		desk, 1, desk, 2, other, 0, take, 0, other, 1, done, 2})
	f.Add([]byte{other, 8, accept, 0, accept, 4, take, 0, accept, 8, other, 1, release, 0, other, 4, take, 0, other, 1,
		note, 0, interrupt, 0, done, 2, take, 0, other, 1})
	f.Add([]byte{other, 8, accept, 0, accept, 4, accept, 136, take, 0, bury, 2, take, 0, done, 2, desk, 1, accept, 140,
		accept, 16, other, 0, take, 0, other, 1, bury, 2, take, 0, bury, 2, desk, 0, desk, 4, other, 1})
	f.Add([]byte{accept, 0, take, 0, done, 2, accept, 4, take, 0, forget, 0, forget, 0, release, 0, other, 0, take, 0, done, 2, accept, 8,
		forget, 4, take, 0, done, 2, accept, 12, take, 0, other, 1})
	var long []byte
	for n := range byte(20) {
		long = append(long, accept, n*4, take, 0, done, 2+n%7, accept, n*4+1, take, 0, release, 0, other, n,
			take, 0, note, n, interrupt, n, bury, n, desk, n, accept, n*4+2, accept, n*4+2+20)
	}
	f.Add(long)
}
