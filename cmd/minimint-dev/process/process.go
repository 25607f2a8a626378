// Package process runs programs on this machine, for development and for the demo:
// they can be killed as a crash would end them, are found again by a later run of
// the tool, and end with the tool unless they are told not to.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A Process is a program that the tool started. It is known by a file with its
// process id, so that another run of the tool can stop it.
type Process struct {
	Name string
	dir  string
	pid  int
	// done is closed when a child of this very process has ended; nil if the
	// process was started by an earlier run of the tool.
	done chan struct{}
}

// HostSuffix ends the directory of a host's own files, beside that of its stage.
const HostSuffix = ".host"

// Start runs a program in a session of its own, with its output in
// <dir>/<name>.log and its id in <dir>/<name>.pid. Unless it is detached, it ends
// with this process, where the system can do that.
func Start(dir, name string, detached bool, argv ...string) (*Process, error) {
	log, err := os.OpenFile(filepath.Join(dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = attributes(detached)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: name, dir: dir, pid: cmd.Process.Pid, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := os.WriteFile(p.pidFile(), []byte(strconv.Itoa(p.pid)), 0o600); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Find returns the process that an earlier run of the tool started under name,
// nil if there is none or it has ended. A process id that the system has given
// to another program since is not taken for it.
func Find(dir, name string) *Process {
	p := &Process{Name: name, dir: dir}
	b, err := os.ReadFile(p.pidFile())
	if err != nil {
		return nil
	}
	if p.pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil || !p.ours() {
		_ = os.Remove(p.pidFile())
		return nil
	}
	return p
}

// ours reports whether the process runs and names our directory in its command
// line, as all programs that it starts do.
func (p *Process) ours() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	return err == nil && strings.Contains(string(b), strings.TrimSuffix(p.dir, HostSuffix))
}

func (p *Process) pidFile() string { return filepath.Join(p.dir, p.Name+".pid") }

// LogFile is where the output of the process goes.
func (p *Process) LogFile() string { return filepath.Join(p.dir, p.Name+".log") }

// PID is the process id.
func (p *Process) PID() int { return p.pid }

// Running reports whether the process is alive.
func (p *Process) Running() bool {
	if p.done != nil {
		select {
		case <-p.done:
			return false
		default:
			return true
		}
	}
	return p.ours()
}

// Strike sends SIGKILL and does not wait.
func (p *Process) Strike() { _ = syscall.Kill(p.pid, syscall.SIGKILL) }

// Kill ends the process with SIGKILL, as a crash would, and waits for its end.
func (p *Process) Kill() {
	p.Strike()
	_ = p.wait(5 * time.Second)
	_ = os.Remove(p.pidFile())
}

// Stop asks the process to end and, after patience, ends it.
func (p *Process) Stop(patience time.Duration) {
	_ = syscall.Kill(p.pid, syscall.SIGTERM)
	if err := p.wait(patience); err != nil {
		p.Kill()
	}
	_ = os.Remove(p.pidFile())
}

var errStillRunning = errors.New("still running")

// wait returns when the process has ended, or patience is over.
func (p *Process) wait(patience time.Duration) error {
	over := time.After(patience)
	look := time.NewTicker(20 * time.Millisecond) // the kernel tells the end of a process only to its parent
	defer look.Stop()
	for p.Running() {
		select {
		case <-p.done:
		case <-look.C:
		case <-over:
			return errStillRunning
		}
	}
	return nil
}
