//go:build !linux

package tools

import (
	"os"
	"os/exec"
	"syscall"
)

// apart does nothing: only Linux ends children with us.
func apart(*exec.Cmd) {}

// signalGroup sends a signal to the process alone.
func signalGroup(pid int, sig syscall.Signal) {
	if process, err := os.FindProcess(pid); err == nil {
		process.Signal(sig)
	}
}
