package tools

import (
	"os/exec"
	"syscall"
)

// apart puts the process into a group of its own, so that all it starts can be ended
// with it, and has the kernel kill it when we are gone.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// signalGroup sends a signal to the process and all that it started. The group keeps
// its number while anybody is in it, so this reaches nobody else.
func signalGroup(pid int, sig syscall.Signal) { syscall.Kill(-pid, sig) }
