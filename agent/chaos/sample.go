package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// sample is what a process needs at one moment.
type sample struct {
	goroutines int64 // -1 where the program does not say
	threads    int64
	files      int64 // file descriptors
	resident   int64 // bytes in memory, mapped files included
	own        int64 // those that belong to nobody else
}

// sample looks at the process of the replica (Linux only).
func (r *replica) sample(ctx context.Context) (sample, error) {
	if r.cmd == nil {
		return sample{}, fmt.Errorf("%s does not run", r.name)
	}
	s, err := sampleOf(r.cmd.Process.Pid)
	if err != nil {
		return s, err
	}
	page, err := r.page(ctx)
	if err != nil {
		return s, err
	}
	s.goroutines = -1
	if page.Process != nil {
		s.goroutines = page.Process.Goroutines
	}
	return s, nil
}

// sampleOf reads what the kernel says.
func sampleOf(pid int) (s sample, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil {
		return s, err
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return s, err
	}
	s.files = int64(len(files))
	return s, s.parse(string(status))
}

// parse reads a status file of /proc: lines such as "VmRSS:    1234 kB".
func (s *sample) parse(status string) error {
	for name, into := range map[string]*int64{"Threads": &s.threads, "VmRSS": &s.resident, "RssAnon": &s.own} {
		_, rest, found := strings.Cut("\n"+status, "\n"+name+":")
		line, _, _ := strings.Cut(rest, "\n")
		words := strings.Fields(line)
		if !found || len(words) == 0 {
			return fmt.Errorf("no %s in the status of the process", name)
		}
		value, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			return fmt.Errorf("%s in the status of the process: %w", name, err)
		}
		if len(words) == 2 && words[1] == "kB" {
			value *= 1024
		}
		*into = value
	}
	return nil
}
