package procfs

import (
	"bytes"
	"strings"
)

// Cgroup is what the path of a control group says about a process.
type Cgroup struct {
	// Unit is the systemd unit, "" where there is none.
	Unit string
	// ContainerID is the 64 digits that Docker, Podman, containerd and CRI-O
	// give a container, or the name of an LXC, LXD, Incus or systemd-nspawn
	// container, the latter escaped as in the name of its unit. Of containers
	// within containers it is the innermost.
	ContainerID string
}

// Cgroup reads the control groups of a process.
func (fs *FS) Cgroup(pid int32) (Cgroup, error) {
	n, err := fs.read(pid, "cgroup", fs.buf[:])
	if err != nil {
		return Cgroup{}, err
	}
	return ParseCgroup(fs.buf[:n]), nil
}

// ParseCgroup reads the content of a cgroup file: one line a hierarchy, each
// "number:controllers:path". Where there is more than one, as with version 1,
// systemd's own comes first, then version 2, then the rest, and each of the two
// answers is the first that is found.
func ParseCgroup(b []byte) Cgroup {
	var found Cgroup
	for wanted := systemdHierarchy; wanted <= otherHierarchy; wanted++ {
		for rest := b; len(rest) > 0; {
			var line []byte
			line, rest, _ = bytes.Cut(rest, []byte("\n"))
			_, line, ok := bytes.Cut(line, []byte(":"))
			if !ok {
				continue
			}
			controllers, path, ok := bytes.Cut(line, []byte(":"))
			if !ok || hierarchyOf(controllers) != wanted {
				continue
			}
			// Mark of a group that was removed while a zombie was still in it.
			c := parseCgroupPath(strings.TrimSuffix(string(path), deleted))
			if found.Unit == "" {
				found.Unit = c.Unit
			}
			if found.ContainerID == "" {
				found.ContainerID = c.ContainerID
			}
		}
		if found.Unit != "" && found.ContainerID != "" {
			break
		}
	}
	return found
}

// Hierarchies in the order in which they are asked.
const (
	systemdHierarchy = iota
	unifiedHierarchy
	otherHierarchy
)

func hierarchyOf(controllers []byte) int {
	switch string(controllers) {
	case "name=systemd":
		return systemdHierarchy
	case "":
		return unifiedHierarchy
	}
	return otherHierarchy
}

func parseCgroupPath(path string) Cgroup {
	var c Cgroup
	var best int
	var parent string
	for segment := range strings.SplitSeq(path, "/") {
		// systemd puts a _ before names that the kernel may want for a file.
		unit := strings.TrimPrefix(segment, "_")
		if w := unitWeight(unit); w > 0 && w >= best {
			c.Unit, best = unit, w
		}
		if id := containerID(parent, segment); id != "" {
			c.ContainerID = id
		}
		parent = segment
	}
	return c
}

// unitWeight says how much a segment tells as a unit: 0 is no unit at all.
// Among equals the last one in the path, the innermost, is the process's.
func unitWeight(segment string) int {
	dot := strings.LastIndexByte(segment, '.')
	if dot <= 0 {
		return 0
	}
	switch segment[dot:] {
	case ".service", ".scope", ".socket", ".mount", ".swap":
		// Each user's and each container's service manager is in an init.scope
		// of its own; the unit around it says whose.
		if segment == "init.scope" {
			return 2
		}
		return 3
	case ".slice":
		// Only groups units, and seldom holds a process itself.
		return 1
	}
	return 0
}

// containerIDLen is the length of the SHA-256 in hex that names a container.
const containerIDLen = 64

// containerID returns the container that a segment of a path stands for, or "".
func containerID(parent, segment string) string {
	if name, ok := strings.CutPrefix(segment, "lxc.payload."); ok {
		return name
	}
	if parent == "lxc" { // LXC before 4.0
		return segment
	}

	if segment == "payload" {
		return nspawnMachine(parent)
	}
	// ID, docker-ID.scope, cri-containerd-ID.scope, …slice:cri-containerd:ID
	segment = strings.TrimSuffix(segment, ".scope")
	at := len(segment) - containerIDLen
	if at < 0 {
		return ""
	}
	prefix, id := segment[:at], segment[at:]
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	switch {
	case prefix == "":
		return id
	case strings.HasSuffix(prefix, "conmon-"):
		// crio-conmon-ID and libpod-conmon-ID hold the container's monitor,
		// which runs on the host.
		return ""
	case strings.HasSuffix(prefix, "-"), strings.HasSuffix(prefix, ":"):
		return id
	}
	return ""
}

// nspawnMachine returns the machine that systemd-nspawn runs in a unit, or "". The
// unit is a service where it was started as one, and otherwise the scope that
// systemd-machined made; below it are the groups "supervisor", for systemd-nspawn
// itself, and "payload" (create_subcgroup in src/nspawn/nspawn-cgroup.c).
func nspawnMachine(unit string) string {
	for prefix, suffix := range map[string]string{"systemd-nspawn@": ".service", "machine-": ".scope"} {
		if name, ok := strings.CutPrefix(unit, prefix); ok {
			if name, ok = strings.CutSuffix(name, suffix); ok {
				return name
			}
		}
	}
	return ""
}
