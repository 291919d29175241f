package doctor

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/processes"
	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/procfs"
)

// A Member is a socket in the connector's group, besides those of this program.
type Member struct {
	Port  uint32 `json:"port"`
	Inode uint64 `json:"inode"`
	// Processes are those that have it open, as far as this user may know.
	Processes []Process `json:"processes"`
}

// A Process has a Member open, or holds a lease.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// members finds out whose the sockets are. It looks at every descriptor of every process, as
// there is no other way.
func (p proc) members(sockets []cnproc.Member) []Member {
	members := make([]Member, 0, len(sockets))
	for _, s := range sockets {
		members = append(members, Member{Port: s.Port, Inode: s.Inode, Processes: make([]Process, 0, 1)})
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.Inode, b.Inode) })
	if len(members) == 0 {
		return members
	}
	fs, err := procfs.Open(string(p))
	if err != nil {
		return members
	}
	defer fs.Close()
	byFile := make(map[string]*Member, len(members))
	for i := range members {
		byFile[fmt.Sprintf("socket:[%d]", members[i].Inode)] = &members[i]
	}
	//nolint:errcheck // who cannot be listed stays unknown
	_ = fs.PIDs(func(id int32) bool {
		pid := int(id)
		for file := range p.openFiles(pid) {
			if m := byFile[file]; m != nil {
				m.Processes = append(m.Processes, Process{PID: pid, Name: p.name(pid)})
			}
		}
		return true
	})
	for _, m := range members {
		slices.SortFunc(m.Processes, func(a, b Process) int { return a.PID - b.PID })
	}
	return members
}

// openFiles returns what the links in a process's directory fd lead to.
func (p proc) openFiles(pid int) map[string]bool {
	dir := filepath.Join(string(p), strconv.Itoa(pid), "fd")
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	files := make(map[string]bool, len(descriptors))
	for _, fd := range descriptors {
		if file, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil {
			files[file] = true
		}
	}
	return files
}

// name is a process's name, as the plugin shows it, and empty if it has ended.
func (p proc) name(pid int) string {
	dir := strconv.Itoa(pid)
	comm := p.read(dir + "/comm")
	if comm == "" {
		return ""
	}
	return processes.WholeName([]byte(comm), []byte(p.read(dir+"/cmdline")), "", false)
}
