package catcher

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// maxCatchers bounds the sockets: each one more makes each event dearer for the
// process that causes it, about 0.1 microseconds.
const maxCatchers = 16

// Lists in sysfs (Documentation/ABI/testing/sysfs-devices-system-cpu): CPUs that run, and those
// that boot options reserve for programs that must not be disturbed.
const (
	onlineCPUs   = "devices/system/cpu/online"
	isolatedCPUs = "devices/system/cpu/isolated"
	nohzFullCPUs = "devices/system/cpu/nohz_full"
)

// lastCPU is more than any CPU's number.
const lastCPU = 0xffff

// A group is the CPUs of one catcher.
type group struct {
	// Those whose events it hears. Groups cover all numbers, so that a CPU that is switched
	// on later belongs to one.
	cpus cnproc.CPURange
	// Those of them that it runs on. If it may use none it runs wherever it may.
	pin []int
}

// A machine is what the system says of its CPUs.
type machine struct {
	online   []int
	isolated []int // of those that are online
	allowed  []int // may be used by this process; empty: not known
}

func readMachine(sys string) (m machine, err error) {
	var set unix.CPUSet
	// It fails where there are more CPUs than fit the set; there catchers run wherever they may.
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		for cpu := 0; len(m.allowed) < set.Count(); cpu++ {
			if set.IsSet(cpu) {
				m.allowed = append(m.allowed, cpu)
			}
		}
	}
	m.online, err = readCPUs(sys, onlineCPUs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Without sysfs, as in a directory made for one program, those that may be
		// used are all that is known.
		m.online = m.allowed
	case err != nil:
		return m, err
	case len(m.online) == 0:
		return m, fmt.Errorf("%s: %w", filepath.Join(sys, onlineCPUs), errCPUs)
	}
	var isolated []int
	for _, name := range []string{isolatedCPUs, nohzFullCPUs} {
		cpus, err := readCPUs(sys, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // older kernels have neither
			return m, err
		}
		isolated = append(isolated, cpus...)
	}
	m.isolated = both(m.online, isolated)
	return m, nil
}

// Isolated lists the CPUs that have no catcher with that scheduling because they are isolated.
func Isolated(sys string, s Scheduling) ([]int, error) {
	m, err := readMachine(sys)
	return m.leftOut(s), err
}

// leftOut are the isolated CPUs, unless real time is asked for.
func (m machine) leftOut(s Scheduling) []int {
	if s == Realtime {
		return nil
	}
	return m.isolated
}

// groups divides the CPUs that run among the catchers with a scheduling: one for each CPU that
// this process may use, or at the most limit.
func (m machine) groups(s Scheduling, limit int) []group {
	leftOut := m.leftOut(s)
	online := slices.DeleteFunc(slices.Clone(m.online), func(cpu int) bool { return slices.Contains(leftOut, cpu) })
	// The kernel keeps isolated CPUs out of what programs inherit, but not out of what
	// they may have.
	allowed := slices.Concat(m.allowed, m.isolated)
	n := max(1, min(limit, len(both(online, allowed))))
	groups := make([]group, n)
	for i := range groups {
		own := online[i*len(online)/n : (i+1)*len(online)/n]
		groups[i] = group{cpus: cnproc.CPURange{Last: lastCPU}, pin: both(own, allowed)}
		if i > 0 {
			groups[i].cpus.First = uint32(own[0])
			groups[i-1].cpus.Last = groups[i].cpus.First - 1
		}
	}
	return groups
}

// both lists what is in both lists, in the order of the first.
func both(a, b []int) (cpus []int) {
	for _, cpu := range a {
		if slices.Contains(b, cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// allowedSet is where threads may run that are on no CPU of their own.
func (m machine) allowedSet() unix.CPUSet {
	set := setOf(m.allowed)
	if len(m.allowed) == 0 {
		set.Fill() // the kernel takes what there is of it
	}
	return set
}

func setOf(cpus []int) (set unix.CPUSet) {
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return set
}

// CPUList names CPUs for an operator.
func CPUList(cpus []int) string {
	var ranges []string
	for rest := cpus; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n] == rest[0]+n {
			n++
		}
		text := strconv.Itoa(rest[0])
		if n > 1 {
			text += "-" + strconv.Itoa(rest[n-1])
		}
		ranges, rest = append(ranges, text), rest[n:]
	}
	switch len(cpus) {
	case 0:
		return "no CPU"
	case 1:
		return "CPU " + ranges[0]
	default:
		return "CPUs " + strings.Join(ranges, ",")
	}
}

var errCPUs = errors.New("malformed list of CPUs")

// readCPUs reads a file of sysfs. A list may be empty, which older kernels write as "(null)".
func readCPUs(sys, name string) ([]int, error) {
	path := filepath.Join(sys, name)
	text, err := os.ReadFile(path)
	list := strings.TrimSpace(string(text))
	if err != nil || list == "" || list == "(null)" {
		return nil, err
	}
	cpus, err := parseCPUs(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cpus, nil
}

// parseCPUs reads a list such as "0-3,8" (cpulist of Documentation/admin-guide/
// kernel-parameters.rst).
func parseCPUs(list string) (cpus []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, errFirst := strconv.ParseUint(from, 10, 16)
		last, errLast := strconv.ParseUint(to, 10, 16)
		if errFirst != nil || errLast != nil || last < first {
			return nil, errCPUs
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
