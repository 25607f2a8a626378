//go:build !linux

package process

import "syscall"

// attributes start a process in a session of its own.
func attributes(bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
