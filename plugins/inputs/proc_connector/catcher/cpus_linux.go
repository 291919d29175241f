package catcher

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// maxCatchers bounds the sockets: each one more makes each event dearer for the
// process that causes it, about 0.1 microseconds.
const maxCatchers = 16

// onlineCPUs lists the CPUs that run
// (Documentation/ABI/testing/sysfs-devices-system-cpu).
const onlineCPUs = "/sys/devices/system/cpu/online"

// lastCPU is more than any CPU's number.
const lastCPU = 0xffff

// A group is the CPUs of one catcher.
type group struct {
	// cpus are those whose events it hears. Groups cover all numbers, so that a
	// CPU that is switched on later belongs to one.
	cpus cnproc.CPURange
	// pin are those that it runs on: of its own those that it may use. It is
	// empty when there are none, and the catcher runs wherever it may.
	pin []int
}

// groups divides the CPUs that run among catchers: one for each that this process
// may use, or at the most limit.
func groups(online, allowed []int, limit int) []group {
	usable := 0
	for _, cpu := range online {
		if slices.Contains(allowed, cpu) {
			usable++
		}
	}
	n := max(1, min(limit, usable))
	out := make([]group, n)
	for i := range out {
		own := online[i*len(online)/n : (i+1)*len(online)/n]
		g := &out[i]
		g.cpus.Last = lastCPU
		if i > 0 {
			g.cpus.First = uint32(own[0])
			out[i-1].cpus.Last = g.cpus.First - 1
		}
		for _, cpu := range own {
			if slices.Contains(allowed, cpu) {
				g.pin = append(g.pin, cpu)
			}
		}
	}
	return out
}

// hostGroups asks the system.
func hostGroups() ([]group, error) {
	var set unix.CPUSet
	var allowed []int
	// It fails on machines with more CPUs than the set has room for; there
	// catchers run wherever they may.
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		for cpu := range len(set) * int(8*unsafe.Sizeof(set[0])) {
			if set.IsSet(cpu) {
				allowed = append(allowed, cpu)
			}
		}
	}
	list, err := os.ReadFile(onlineCPUs)
	if errors.Is(err, fs.ErrNotExist) {
		// Without sysfs, as in a folder made for one program, those that may be
		// used are all that is known.
		return groups(allowed, allowed, maxCatchers), nil
	}
	if err != nil {
		return nil, err
	}
	online, err := parseCPUs(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", onlineCPUs, err)
	}
	return groups(online, allowed, maxCatchers), nil
}

var errCPUs = errors.New("malformed list of CPUs")

// parseCPUs reads a list such as "0-3,8" (cpulist of Documentation/admin-guide/
// kernel-parameters.rst).
func parseCPUs(list []byte) ([]int, error) {
	var cpus []int
	for part := range bytes.SplitSeq(bytes.TrimSpace(list), []byte(",")) {
		from, to, isRange := bytes.Cut(part, []byte("-"))
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(string(from), 10, 16)
		if err != nil {
			return nil, errCPUs
		}
		last, err := strconv.ParseUint(string(to), 10, 16)
		if err != nil || last < first {
			return nil, errCPUs
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
