// Package workload builds a program that causes, on request, each of the events
// that the process connector knows.
//
// Its subcommands:
//
//	sleep50 [ARG...]               live 50 ms (more under package pace), then exit with status 0
//	exit STATUS                    exit with that status
//	signal NAME                    be ended by that signal, e.g. SIGTERM
//	abort                          be ended by SIGABRT
//	setuid UID                     setuid(2) of the main thread
//	setsid                         setsid(2)
//	threadexec PROGRAM [ARG...]    execve(2) from a thread that is not the leader
//	rename NAME COUNT              prctl(PR_SET_NAME) of the main thread, COUNT times
//	ptrace PID                     attach to the process and detach
//	leaderexit MILLISECONDS|stdin  exit(2) of the main thread only, the process follows later
//	forknoexec COUNT               fork(2) and _exit(2) without execve(2), COUNT times
//	threads COUNT                  COUNT threads alive at one time
//	spawn COUNT PROGRAM [ARG...]   run the program COUNT times; each stays a zombie for a while
//	storm SECONDS PROGRAM [ARG...] run the program over and over for that long, and print how often
//	exec0 PROGRAM                  execve(2) with an empty list of arguments
//	through WAY PROGRAM [ARG...]   execve(2) of /proc/self/exe (WAY is exe), or of the program by its descriptor:
//	                               fexecve(3) (fd) or the descriptor's path (path); of a copy in memory (memfd,
//	                               memfdpath) or of one that has been deleted (deleted)
//	nonetlink PROGRAM [ARG...]     execve(2) with a seccomp filter that forbids netlink sockets
//	title TITLE [ARG...]           overwrite the arguments with the title, print "ready", and live until standard input ends
//
// The system calls are named in section 2 of the manual; which of them causes
// which event is in the callers of drivers/connector/cn_proc.c: kernel/fork.c,
// fs/exec.c, kernel/sys.c, kernel/cred.c, kernel/ptrace.c, kernel/exit.c and
// kernel/signal.c.
//
// It is a Go program, and the runtime starts some threads of its own whatever
// the subcommand: counts of thread events are lower bounds.
package workload

import (
	"path/filepath"
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

// Build builds the program, statically linked, and returns its path.
func Build(t testing.TB) string {
	t.Helper()
	return repo.Program(t, "workload", func(path string) {
		repo.Go(t, filepath.Join(repo.Root(t), "test"), "build", "-o", path, "./workload/cmd/workload")
	})
}
