package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// A Process has a Member open, or holds a lease.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"` // empty when it has ended
}

// A Member is a socket in the connector's group, besides those of this program.
type Member struct {
	Port  uint32 `json:"port"`
	Inode uint64 `json:"inode"`
	// Processes are those that have it open, as far as this user may know.
	Processes []Process `json:"processes"`
}

// members finds out whose the sockets are. It looks at every descriptor of every process, as
// there is no other way; who cannot be looked at stays unknown.
func (p proc) members(sockets []cnproc.Member) []Member {
	members := make([]Member, len(sockets))
	byFile := make(map[string]*Member, len(sockets))
	for i, s := range sockets {
		members[i] = Member{Port: s.Port, Inode: s.Inode, Processes: make([]Process, 0, 1)}
		byFile[fmt.Sprintf("socket:[%d]", s.Inode)] = &members[i]
	}
	if len(members) == 0 {
		return members
	}
	if mount, err := procfs.Open(string(p)); err == nil {
		defer mount.Close()
		//nolint:errcheck // see above
		_ = mount.PIDs(func(pid int32) bool {
			p.holds(int(pid), byFile)
			return true
		})
	}
	for _, m := range members {
		slices.SortFunc(m.Processes, func(a, b Process) int { return a.PID - b.PID })
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Inode, b.Inode) })
	return members
}

// holds notes a process down with those files that it has open.
func (p proc) holds(pid int, byFile map[string]*Member) {
	dir := filepath.Join(string(p), strconv.Itoa(pid), "fd")
	descriptors, _ := os.ReadDir(dir) //nolint:errcheck // see members
	for _, fd := range descriptors {
		file, _ := os.Readlink(filepath.Join(dir, fd.Name())) //nolint:errcheck // it may have been closed
		m := byFile[file]
		if m != nil && !slices.ContainsFunc(m.Processes, func(p Process) bool { return p.PID == pid }) {
			m.Processes = append(m.Processes, Process{PID: pid, Name: p.name(pid)})
		}
	}
}

// name is a process's name, as the plugin shows it.
func (p proc) name(pid int) string {
	dir := strconv.Itoa(pid)
	comm := p.read(dir + "/comm")
	if comm == "" {
		return ""
	}
	return processes.WholeName([]byte(comm), []byte(p.read(dir+"/cmdline")), "", false)
}

// Leases are what the plugins of a machine have noted down about their LISTENs.
type Leases struct {
	Directory string `json:"directory"`
	// Held are those of plugins that run, Stale those of killed ones: LISTENs that the kernel
	// may still count.
	Held  []Lease `json:"held"`
	Stale []Lease `json:"stale"`
	Void  int     `json:"void"`            // how many claim nothing: of an earlier boot, or not whole
	Error string  `json:"error,omitempty"` // why no leases can be kept there
}

// A Lease is one file of them, and the process that wrote it.
type Lease struct {
	File string `json:"file"`
	Process
}

func (p proc) leases(dir string) Leases {
	l := Leases{Directory: dir, Held: make([]Lease, 0), Stale: make([]Lease, 0)}
	if dir == "" {
		return l
	}
	all, err := cnproc.Leases(dir)
	if err == nil {
		err = creatable(dir)
	}
	boot, bootErr := cnproc.BootID(string(p))
	if l.Error = oneLine(errors.Join(err, bootErr)); l.Error != "" {
		return l
	}
	for _, lease := range all {
		found := Lease{File: lease.Name, Process: Process{PID: lease.PID}}
		switch {
		case lease.Held:
			found.Name = p.name(lease.PID)
			l.Held = append(l.Held, found)
		case lease.Boot == boot:
			l.Stale = append(l.Stale, found)
		default:
			l.Void++
		}
	}
	return l
}

// creatable reports why a directory that is not there could not be made either.
func creatable(dir string) error {
	_, err := os.Lstat(dir)
	for parent := dir; errors.Is(err, fs.ErrNotExist); {
		parent = filepath.Dir(parent)
		err = unix.Faccessat(unix.AT_FDCWD, parent, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err != nil && (!errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent)) {
			return fmt.Errorf("%s is not there and cannot be made: %s: %w", dir, parent, err)
		}
	}
	return err
}
