//go:build !linux

package stage

import "syscall"

// attributes start a process in a session of its own.
func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
