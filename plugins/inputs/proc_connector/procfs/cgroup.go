package procfs

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// Cgroup is what the path of a control group says about a process.
type Cgroup struct {
	// Unit is the systemd unit, "" where there is none.
	Unit string
	// ContainerID is the 64 digits that Docker, Podman, containerd and CRI-O give a
	// container, or the name of an LXC, LXD, Incus or systemd-nspawn container, the latter
	// escaped as in the name of its unit. Of containers within containers it is the
	// innermost.
	ContainerID string
}

// Cgroup reads the control groups of a process.
func (fs *FS) Cgroup(pid int32) (Cgroup, error) {
	n, err := fs.read(pid, "cgroup", fs.buf[:])
	if err != nil {
		return Cgroup{}, err
	}
	return ParseCgroup(string(fs.buf[:n])), nil
}

// hierarchies are the controllers of those that are asked first: systemd's own, and that of
// version 2, which names none.
var hierarchies = []string{"name=systemd", ""}

// ParseCgroup reads the content of a cgroup file: one line a hierarchy, each
// "number:controllers:path". Each of the two answers is the first that is found.
func ParseCgroup(content string) Cgroup {
	var found Cgroup
	for _, asked := range []int{0, 1, -1} { // -1 is all others
		for line := range strings.SplitSeq(content, "\n") {
			_, line, _ = strings.Cut(line, ":")
			controllers, group, ok := strings.Cut(line, ":")
			if !ok || slices.Index(hierarchies, controllers) != asked {
				continue
			}
			// Mark of a group that was removed while a zombie was still in it.
			c := parseCgroupPath(strings.TrimSuffix(group, deleted))
			found.Unit = cmp.Or(found.Unit, c.Unit)
			found.ContainerID = cmp.Or(found.ContainerID, c.ContainerID)
		}
	}
	return found
}

// unitWeights say how much a unit tells, by its suffix. Slices only group units, and
// seldom hold a process themselves.
var unitWeights = map[string]int{".service": 3, ".scope": 3, ".socket": 3, ".mount": 3, ".swap": 3, ".slice": 1}

func parseCgroupPath(group string) Cgroup {
	var c Cgroup
	var best int
	var parent string
	for segment := range strings.SplitSeq(group, "/") {
		// systemd puts a _ before names that the kernel may want for a file.
		unit := strings.TrimPrefix(segment, "_")
		suffix := path.Ext(unit)
		weight := unitWeights[suffix]
		if unit == "init.scope" {
			weight = 2 // of each user's and each container's service manager; the unit around it says whose
		}
		// Among equals the innermost is the process's.
		if weight > 0 && weight >= best && unit != suffix {
			c.Unit, best = unit, weight
		}
		c.ContainerID = cmp.Or(containerID(parent, segment), c.ContainerID)
		parent = segment
	}
	return c
}

// containerIDLen is the length of the SHA-256 in hex that names a container.
const containerIDLen = 64

// containerID returns the container that a segment of a path stands for, or "".
func containerID(parent, segment string) string {
	if name, ok := strings.CutPrefix(segment, "lxc.payload."); ok {
		return name
	}
	switch {
	case parent == "lxc": // LXC before 4.0
		return segment
	case segment == "payload":
		return nspawnMachine(parent)
	}
	// ID, docker-ID.scope, cri-containerd-ID.scope, …slice:cri-containerd:ID
	name := strings.TrimSuffix(segment, ".scope")
	at := len(name) - containerIDLen
	if at < 0 || strings.Trim(name[at:], "0123456789abcdef") != "" {
		return ""
	}
	prefix, id := name[:at], name[at:]
	switch {
	case strings.HasSuffix(prefix, "conmon-"):
		// crio-conmon-ID and libpod-conmon-ID hold the container's monitor, which runs on the host.
		return ""
	case prefix == "", strings.HasSuffix(prefix, "-"), strings.HasSuffix(prefix, ":"):
		return id
	}
	return ""
}

// nspawnMachine returns the machine that systemd-nspawn runs in a unit, or "". The unit is
// a service where it was started as one, and otherwise the scope that systemd-machined
// made; below it are the groups "supervisor", for systemd-nspawn itself, and "payload"
// (create_subcgroup in src/nspawn/nspawn-cgroup.c).
func nspawnMachine(unit string) string {
	for prefix, suffix := range map[string]string{"systemd-nspawn@": ".service", "machine-": ".scope"} {
		if name, ok := strings.CutPrefix(unit, prefix); ok && strings.HasSuffix(unit, suffix) {
			return strings.TrimSuffix(name, suffix)
		}
	}
	return ""
}
