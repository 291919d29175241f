package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
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

// members finds out whose the sockets are. It looks at every descriptor of every
// process, as there is no other way.
func (p proc) members(sockets []cnproc.Member) []Member {
	members := make([]Member, 0, len(sockets))
	for _, s := range sockets {
		members = append(members, Member{Port: s.Port, Inode: s.Inode, Processes: make([]Process, 0, 1)})
	}
	slices.SortFunc(members, func(a, b Member) int { return int(int64(a.Inode) - int64(b.Inode)) })
	if len(members) == 0 {
		return members
	}
	of := make(map[uint64]*Member, len(members))
	for i := range members {
		of[members[i].Inode] = &members[i]
	}
	for _, pid := range p.pids() {
		for inode := range p.sockets(pid) {
			if m := of[inode]; m != nil {
				m.Processes = append(m.Processes, Process{PID: pid, Name: p.name(pid)})
			}
		}
	}
	return members
}

func (p proc) pids() []int {
	names := p.list("")
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// sockets returns the inodes of a process's sockets.
func (p proc) sockets(pid int) map[uint64]bool {
	dir := strconv.Itoa(pid) + "/fd"
	inodes := make(map[uint64]bool)
	for _, fd := range p.list(dir) {
		target, err := os.Readlink(filepath.Join(string(p), dir, fd))
		if err != nil {
			continue
		}
		number, found := strings.CutPrefix(strings.TrimSuffix(target, "]"), "socket:[")
		inode, err := strconv.ParseUint(number, 10, 64)
		if found && err == nil {
			inodes[inode] = true
		}
	}
	return inodes
}

func (p proc) list(dir string) []string {
	d, err := os.Open(filepath.Join(string(p), dir))
	if err != nil {
		return nil
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil
	}
	return names
}

// name is a process's name. The kernel keeps 15 bytes of it; where it was cut, the
// command line may have the rest.
func (p proc) name(pid int) string {
	dir := strconv.Itoa(pid)
	name := p.read(dir + "/comm")
	if len(name) == cnproc.CommLen-1 {
		program, _, _ := strings.Cut(p.read(dir+"/cmdline"), "\x00")
		if base := filepath.Base(program); strings.HasPrefix(base, name) {
			name = base
		}
	}
	return printable(name)
}

// printable keeps what others have chosen from playing with the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
