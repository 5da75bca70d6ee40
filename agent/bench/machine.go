package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc. It is 1/100 s on every Linux that Go
// runs on (USER_HZ).
const tick = 10 * time.Millisecond

// cpuTime is how long a process has computed, in user and kernel mode.
func cpuTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time (Linux only): %w", err)
	}
	return parseStat(raw)
}

// parseStat reads utime and stime, fields 14 and 15 of /proc/PID/stat. The second
// field is the command in brackets and may hold anything.
func parseStat(raw []byte) (time.Duration, error) {
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:]) // the first is field 3
	if len(fields) < 13 {
		return 0, errors.New("read CPU time: the line is too short")
	}
	user, err := strconv.ParseUint(string(fields[11]), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	kernel, err := strconv.ParseUint(string(fields[12]), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return time.Duration(user+kernel) * tick, nil
}

// residentMemory is how many bytes of memory a process occupies.
func residentMemory(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory (Linux only): %w", err)
	}
	return parseStatus(raw)
}

// parseStatus reads VmRSS from /proc/PID/status.
func parseStatus(raw []byte) (int64, error) {
	for line := range strings.Lines(string(raw)) {
		rest, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 48)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		return int64(kb) << 10, nil
	}
	return 0, errors.New("read memory: no VmRSS")
}

// machineFacts are the lines that say what was measured and on what.
func machineFacts(ctx context.Context, program string) ([]string, error) {
	version, err := exec.CommandContext(ctx, program, "version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask the program for its version: %w", err)
	}
	sync, err := syncTime()
	if err != nil {
		return nil, fmt.Errorf("measure fsync: %w", err)
	}
	redis := "no redis-server"
	if out, err := exec.CommandContext(ctx, "redis-server", "--version").Output(); err == nil {
		redis, _, _ = strings.Cut(string(out), " sha=")
	}
	return []string{
		strings.TrimSpace(string(version)),
		redis,
		fmt.Sprintf("%s, %s/%s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		fmt.Sprintf("fsync of 4 KiB in %s takes %s (median)", os.TempDir(), sync.Round(10*time.Microsecond)),
	}, nil
}

// syncTime is how long the disk below the stores takes for a small write. Where
// it takes next to nothing, as in memory, the embedded store looks too good.
func syncTime() (_ time.Duration, err error) {
	file, err := os.CreateTemp("", "longwire-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	var took []float64
	for range 31 {
		began := time.Now()
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := file.Sync(); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(began)))
	}
	return time.Duration(median(took)), nil
}
