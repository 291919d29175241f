package main

import (
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// nonetlink executes a program for which socket(AF_NETLINK) fails, in the way in
// which systemd's RestrictAddressFamilies= has it fail.
func nonetlink(args []string) error {
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	const (
		// struct seccomp_data of include/uapi/linux/seccomp.h: nr and the first of args,
		// the lower half on little-endian machines
		offNumber, offFamily = 0, 16
		allow                = 0x7fff0000 // SECCOMP_RET_ALLOW
		fail                 = 0x00050000 // SECCOMP_RET_ERRNO, with the number
	)
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: offNumber, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SOCKET, SkipTrue: 3},
		bpf.LoadAbsolute{Off: offFamily, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.AF_NETLINK, SkipTrue: 1},
		bpf.RetConstant{Val: fail | uint32(unix.EAFNOSUPPORT)},
		bpf.RetConstant{Val: allow},
	})
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, 0, len(raw))
	for _, i := range raw {
		filter = append(filter, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	//nolint:gosec // G103: it is a pointer of prctl(2)
	if _, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return os.NewSyscallError("execve", syscall.Exec(program, args, os.Environ()))
}
