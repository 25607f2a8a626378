package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used so far, by the kernel's account.
type Usage struct {
	CPU time.Duration
	RSS int64 // bytes resident now
}

// MiB is the resident memory.
func (u Usage) MiB() float64 { return float64(u.RSS) / (1 << 20) }

// Usage reads the account of the process.
func (p *Process) Usage() (Usage, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return Usage{}, fmt.Errorf("%s: %w", p.Name, err)
	}
	// The name stands in parentheses and may hold spaces; what follows does not.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const pages = 21
	if len(fields) <= pages {
		return Usage{}, fmt.Errorf("%s: account of %d fields", p.Name, len(fields))
	}
	resident, err := strconv.ParseInt(fields[pages], 10, 64)
	if err != nil {
		return Usage{}, fmt.Errorf("%s: account: %w", p.Name, err)
	}
	cpu, err := p.executed()
	return Usage{CPU: cpu, RSS: resident * int64(os.Getpagesize())}, err
}

// executed is the time that the threads of the process have run, by the
// scheduler's own clock. The times in stat are sampled at the timer's ticks, and
// a program that wakes at ticks is charged far too much there.
func (p *Process) executed() (time.Duration, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("%s: no account of its threads: %w", p.Name, err)
	}
	sum := time.Duration(0)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has just ended
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.Name, err)
		}
		text, _, _ := strings.Cut(string(b), " ")
		ns, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: account: %w", p.Name, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}
