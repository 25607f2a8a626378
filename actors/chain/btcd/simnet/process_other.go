//go:build !linux

package simnet

import "syscall"

// dieWithParent is not to be had here: who kills a demo must end btcd, too.
func dieWithParent() *syscall.SysProcAttr { return nil }
