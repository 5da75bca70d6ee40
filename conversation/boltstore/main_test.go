package boltstore

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain plays the child of the crash test when it is asked to, and otherwise
// runs the tests and looks for goroutines left behind.
func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		acceptUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}
