package bench

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where figures were measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Go     string `json:"go"`
	Kernel string `json:"kernel"`
	// Load is how many processes wanted a core before anything was measured, on
	// average over a minute; far above 0, something else was running.
	Load float64 `json:"load"`
}

// Describe looks at this machine. What cannot be found out is said to be unknown.
func Describe(ctx context.Context) Machine {
	m := Machine{CPU: "unknown CPU", Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: runtime.GOOS}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if name := cpuModel(string(b)); name != "" {
			m.CPU = name
		}
	}
	if out, err := exec.CommandContext(ctx, "uname", "-sr").Output(); err == nil {
		m.Kernel = strings.TrimSpace(string(out))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = loadAverage(string(b))
	}
	return m
}

// Busy reports whether other work took a good part of the machine.
func (m Machine) Busy() bool { return m.Load > float64(m.Cores)/2 }

// cpuModel reads the first model name of /proc/cpuinfo, "" if there is none.
func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// loadAverage reads the first number of /proc/loadavg, 0 if there is none.
func loadAverage(text string) float64 {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return 0
	}
	load, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return 0
	}
	return load
}
