package simnet

import "syscall"

// dieWithParent makes the kernel end btcd when the program that started it dies
// without stopping it, so that crashed demos leave nothing behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
