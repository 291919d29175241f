package catcher

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// maxCatchers bounds the sockets: each one more makes each event dearer for the
// process that causes it, about 0.1 microseconds.
const maxCatchers = 16

// Lists of CPUs in sysfs (Documentation/ABI/testing/sysfs-devices-system-cpu): those
// that run, and those that the boot options isolcpus and nohz_full reserve for
// programs that must not be disturbed.
const (
	onlineCPUs   = "devices/system/cpu/online"
	isolatedCPUs = "devices/system/cpu/isolated"
	nohzFullCPUs = "devices/system/cpu/nohz_full"
)

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

// A machine is what the system says of its CPUs.
type machine struct {
	online   []int
	isolated []int // of those that are online
	allowed  []int // may be used by this process; empty: not known
}

func readMachine(sys string) (machine, error) {
	var m machine
	var set unix.CPUSet
	// It fails on machines with more CPUs than the set has room for; there
	// catchers run wherever they may.
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		for cpu := range setSize {
			if set.IsSet(cpu) {
				m.allowed = append(m.allowed, cpu)
			}
		}
	}
	online, err := readCPUs(sys, onlineCPUs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Without sysfs, as in a directory made for one program, those that may be
		// used are all that is known.
		m.online = m.allowed
		return m, nil
	case err != nil:
		return m, err
	case len(online) == 0:
		return m, fmt.Errorf("%s: %w", filepath.Join(sys, onlineCPUs), errCPUs)
	}
	m.online = online
	for _, name := range []string{isolatedCPUs, nohzFullCPUs} {
		cpus, err := readCPUs(sys, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // older kernels have neither
			return m, err
		}
		for _, cpu := range cpus {
			if slices.Contains(online, cpu) && !slices.Contains(m.isolated, cpu) {
				m.isolated = append(m.isolated, cpu)
			}
		}
	}
	slices.Sort(m.isolated)
	return m, nil
}

// Isolated lists the CPUs that have no catcher with that scheduling, because they are
// reserved for programs that must not be disturbed.
func Isolated(sys string, s Scheduling) ([]int, error) {
	if s.takesIsolated() {
		return nil, nil
	}
	m, err := readMachine(sys)
	return m.isolated, err
}

// takesIsolated reports whether catchers are placed on isolated CPUs too: only who
// asks for the most gets it there.
func (s Scheduling) takesIsolated() bool { return s == Realtime }

// groups divides the CPUs among catchers.
func (m machine) groups(s Scheduling, limit int) []group {
	if s.takesIsolated() {
		// The kernel keeps isolated CPUs out of what programs inherit, but not
		// out of what they may have.
		return groups(m.online, append(slices.Clone(m.allowed), m.isolated...), limit)
	}
	others := slices.DeleteFunc(slices.Clone(m.online), func(cpu int) bool { return slices.Contains(m.isolated, cpu) })
	return groups(others, m.allowed, limit)
}

// allowedSet is where threads may run that are on no CPU of their own.
func (m machine) allowedSet() unix.CPUSet {
	if len(m.allowed) > 0 {
		return setOf(m.allowed)
	}
	var all unix.CPUSet // the kernel takes what there is of it
	all.Fill()
	return all
}

const setSize = len(unix.CPUSet{}) * 8 * int(unsafe.Sizeof(unix.CPUSet{}[0]))

func setOf(cpus []int) unix.CPUSet {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return set
}

// CPUList names CPUs for an operator.
func CPUList(cpus []int) string {
	if len(cpus) == 0 {
		return "no CPU"
	}
	var b strings.Builder
	b.WriteString("CPU")
	if len(cpus) > 1 {
		b.WriteByte('s')
	}
	separator := " "
	for i, first := range cpus {
		if i > 0 && cpus[i-1] == first-1 {
			continue // it is in the range before
		}
		last := first
		for _, cpu := range cpus[i+1:] {
			if cpu == last+1 {
				last = cpu
			}
		}
		fmt.Fprintf(&b, "%s%d", separator, first)
		if last > first {
			fmt.Fprintf(&b, "-%d", last)
		}
		separator = ","
	}
	return b.String()
}

var errCPUs = errors.New("malformed list of CPUs")

// readCPUs reads a file of sysfs. A list may be empty, which older kernels write as
// "(null)".
func readCPUs(sys, name string) ([]int, error) {
	path := filepath.Join(sys, name)
	list, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list = bytes.TrimSpace(list)
	if len(list) == 0 || bytes.Equal(list, []byte("(null)")) {
		return nil, nil
	}
	cpus, err := parseCPUs(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cpus, nil
}

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
