package process

import "syscall"

// attributes start a process in a session of its own, so that a ^C in the
// terminal reaches only the tool, which then stops its processes in order.
func attributes(detached bool) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true}
	if !detached {
		a.Pdeathsig = syscall.SIGTERM
	}
	return a
}
