package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// description says on what, and of what, something was measured.
type description struct {
	kernel, processor string
	processors        int
	versions          []string
}

func describe(ctx context.Context, p *Programs) description {
	d := description{kernel: "unknown", processor: "unknown", processors: runtime.NumCPU()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		d.kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				d.processor = strings.TrimSpace(value)
				break
			}
		}
	}
	version := func(name string, command ...string) {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		if line, _, _ := bytes.Cut(out, []byte("\n")); err == nil && len(line) > 0 {
			d.versions = append(d.versions, fmt.Sprintf("%s %s", name, bytes.TrimSpace(line)))
		}
	}
	version("this plugin", "git", "-C", p.root, "describe", "--tags", "--always", "--dirty")
	version("forkstat", "dpkg-query", "-W", "-f", "${Version}", "forkstat")
	for _, module := range []string{"github.com/mdlayher/netlink", "github.com/vishvananda/netlink"} {
		version(strings.TrimPrefix(module, "github.com/"), "go", "list", "-m", "-f", "{{.Version}}", module)
	}
	version("Go", "go", "env", "GOVERSION")
	version("gcc", "gcc", "-dumpfullversion")
	return d
}

// canRealtime reports whether this process may give a thread a real-time
// priority.
func canRealtime() bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// #define SCHED_FIFO 1, include/uapi/linux/sched.h
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: 1, Priority: 1}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		return false
	}
	normal := unix.SchedAttr{Size: unix.SizeofSchedAttr}
	return unix.SchedSetAttr(0, &normal, 0) == nil
}
