package procfs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	idA = "3f4c9e1d27b86a50c1e8f90b7d6a2c45e8f1037b9ad24c6e5f80b1d93a7c62e4"
	idB = "b7d02c94ef6183a5d4c70e19f2ab358d60c7e4f9183ab5d26f07e9c41d8ba350"
)

func TestParseCgroup(t *testing.T) {
	for _, tt := range []struct {
		name      string
		in        string
		unit      string
		container string
	}{
		// systemd, version 2.
		{"service", "0::/system.slice/ssh.service", "ssh.service", ""},
		{"service of a template", "0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service", ""},
		{"first process", "0::/init.scope", "init.scope", ""},
		{"session", "0::/user.slice/user-1000.slice/session-42.scope", "session-42.scope", ""},
		{"user's service manager", "0::/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service", ""},
		{"user's service", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service", "foo.service", ""},
		{
			"user's program",
			"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-0a1b.scope",
			"vte-spawn-0a1b.scope", "",
		},
		{"groups below a service", "0::/system.slice/systemd-udevd.service/udev", "systemd-udevd.service", ""},
		{"virtual machine", `0::/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator`, `machine-qemu\x2d1\x2dweb.scope`, ""},
		{"socket", "0::/system.slice/docker.socket", "docker.socket", ""},
		{"mount", "0::/system.slice/data.mount", "data.mount", ""},
		{"swap", `0::/system.slice/dev-disk-by\x2duuid-0c.swap`, `dev-disk-by\x2duuid-0c.swap`, ""},
		{"only a slice", "0::/user.slice/user-1000.slice", "user-1000.slice", ""},
		{"name that the kernel may want", "0::/system.slice/_cpu.service", "cpu.service", ""},
		{"removed group", "0::/system.slice/cron.service (deleted)", "cron.service", ""},
		{"seen from a namespace", "0::/../../system.slice/cron.service", "cron.service", ""},
		{"name of a suffix alone", "0::/.service", "", ""},
		{"name that only looks like a unit", "0::/foo.services", "", ""},
		{"unit that holds no process", "0::/foo.timer", "", ""},
		{"root", "0::/", "", ""},

		// The layout of slices, scopes and services: systemd.special(7),
		// systemd.slice(5) and docs/CGROUP_DELEGATION.md of systemd; names are
		// escaped as in systemd.unit(5), "String Escaping for Inclusion in Unit
		// Names".
		{"slices in a slice", "0::/a.slice/a-b.slice/a-b-c.slice/x.service", "x.service", ""},
		{"instance with an escaped path", `0::/system.slice/system-systemd\x2dfsck.slice/systemd-fsck@dev-disk-by\x2duuid-1a2b.service`,
			`systemd-fsck@dev-disk-by\x2duuid-1a2b.service`, ""},
		{"getty", "0::/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", ""},
		{"transient service", "0::/system.slice/run-u42.service", "run-u42.service", ""},
		{"transient scope", "0::/system.slice/run-r0f1e2d3c4b5a69788796a5b4c3d2e1f0.scope", "run-r0f1e2d3c4b5a69788796a5b4c3d2e1f0.scope", ""},
		{"delegated to groups of its own", "0::/system.slice/nomad.service/share.slice/x", "nomad.service", ""},
		{
			"desktop, as in the XDG naming of systemd's docs/DESKTOP_ENVIRONMENTS.md",
			"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4242.scope", "app-gnome-firefox-4242.scope", "",
		},
		{"D-Bus", "0::/user.slice/user-1000.slice/user@1000.service/session.slice/dbus.service", "dbus.service", ""},
		{
			"template of a user's manager", "0::/user.slice/user-0.slice/user@0.service/app.slice/app-x.slice/x@1.service", "x@1.service", "",
		},

		// systemd-nspawn: src/nspawn/nspawn-cgroup.c and systemd-nspawn@.service.
		{"nspawn as a service", "0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service", "nginx.service", "web"},
		{"nspawn's first process", "0::/machine.slice/systemd-nspawn@web.service/payload/init.scope", "systemd-nspawn@web.service", "web"},
		{"nspawn itself", "0::/machine.slice/systemd-nspawn@web.service/supervisor", "systemd-nspawn@web.service", ""},
		{"nspawn by hand", `0::/machine.slice/machine-my\x2dweb.scope/payload`, `machine-my\x2dweb.scope`, `my\x2dweb`},
		{"somebody else's payload", "0::/system.slice/x.service/payload", "x.service", ""},

		// Containers, version 2.
		// Docker: daemon/oci_linux.go of moby, getCgroupsPath ("/docker" or the
		// slice "system.slice:docker:ID" of the systemd driver). Podman:
		// libpod/container_internal_linux.go, getOCICgroupPath. CRI-O:
		// internal/config/cgmgr. Kubernetes' slices: pkg/kubelet/cm of
		// kubernetes, NewCgroupName and ToSystemd. containerd: the CRI plugin's
		// getCgroupsPath. LXC: src/lxc/cgroups/cgfsng.c.
		{"Docker with systemd", "0::/system.slice/docker-" + idA + ".scope", "docker-" + idA + ".scope", idA},
		{"systemd in Docker", "0::/system.slice/docker-" + idA + ".scope/init.scope", "docker-" + idA + ".scope", idA},
		{"service in Docker", "0::/system.slice/docker-" + idA + ".scope/system.slice/nginx.service", "nginx.service", idA},
		{"Docker", "0::/docker/" + idA, "", idA},
		{"Docker in Docker", "0::/docker/" + idA + "/docker/" + idB, "", idB},
		{"Podman", "0::/machine.slice/libpod-" + idA + ".scope/container", "libpod-" + idA + ".scope", idA},
		{"Podman of a user", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope", "libpod-" + idA + ".scope", idA},
		{"Podman of a user, crun", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container",
			"libpod-" + idA + ".scope", idA},
		{"Podman's pod", "0::/machine.slice/machine-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope", "libpod-" + idA + ".scope", idA},
		{"Docker of a user", "0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + idA + ".scope", "docker-" + idA + ".scope", idA},
		{"Docker with a parent of its own", "0::/ci.slice/ci-jobs.slice/docker-" + idA + ".scope", "docker-" + idA + ".scope", idA},
		{"Docker's daemon", "0::/system.slice/docker.service", "docker.service", ""},
		{"nerdctl", "0::/system.slice/nerdctl-" + idA + ".scope", "nerdctl-" + idA + ".scope", idA},
		{"nerdctl without systemd", "0::/default/" + idA, "", idA},
		{"ctr, whose user names the container", "0::/default/redis", "", ""},
		{
			"containerd in Kubernetes, guaranteed", "0::/kubepods.slice/kubepods-pod5d1c_8e7f.slice/cri-containerd-" + idA + ".scope",
			"cri-containerd-" + idA + ".scope", idA,
		},
		{
			"containerd in Kubernetes, best effort",
			"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod5d1c_8e7f.slice/cri-containerd-" + idA + ".scope",
			"cri-containerd-" + idA + ".scope", idA,
		},
		{
			"CRI-O in Kubernetes, burstable", "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5d1c_8e7f.slice/crio-" + idA + ".scope",
			"crio-" + idA + ".scope", idA,
		},
		{"CRI-O without systemd", "0::/kubepods/burstable/pod5d1c8e7f/crio-" + idA, "", idA},
		{"CRI-O's monitor without systemd", "0::/kubepods/burstable/pod5d1c8e7f/crio-conmon-" + idA, "", ""},
		{
			"systemd in a pod",
			"0::/kubepods.slice/kubepods-pod5d1c_8e7f.slice/cri-containerd-" + idA + ".scope/system.slice/nginx.service", "nginx.service", idA,
		},
		{"kubelet", "0::/system.slice/kubelet.service", "kubelet.service", ""},
		{"LXD's project", "0::/lxc.payload.dev_web1/init.scope", "init.scope", "dev_web1"},
		{"LXC of a user", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/lxc.payload.web1/system.slice/cron.service", "cron.service", "web1"},
		{"Podman without systemd", "0::/libpod_parent/libpod-" + idA, "", idA},
		{"Podman's monitor", "0::/machine.slice/libpod-conmon-" + idA + ".scope", "libpod-conmon-" + idA + ".scope", ""},
		{
			"containerd in Kubernetes",
			"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5d1c_8e7f.slice/cri-containerd-" + idA + ".scope",
			"cri-containerd-" + idA + ".scope", idA,
		},
		{
			"CRI-O in Kubernetes",
			"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod5d1c_8e7f.slice/crio-" + idA + ".scope/container",
			"crio-" + idA + ".scope", idA,
		},
		{"CRI-O's monitor", "0::/system.slice/crio-conmon-" + idA + ".scope", "crio-conmon-" + idA + ".scope", ""},
		{"Kubernetes without systemd", "0::/kubepods/besteffort/pod5d1c8e7f-2b6a-4c4f-9d1e-0c9f6b7a8d90/" + idA, "", idA},
		{
			"Kubernetes with systemd, containerd without",
			"0::/system.slice/containerd.service/kubepods-burstable-pod5d1c.slice:cri-containerd:" + idA,
			"containerd.service", idA,
		},
		{
			"Kubernetes in Docker",
			"0::/system.slice/docker-" + idA + ".scope/kubelet.slice/kubelet-kubepods.slice/cri-containerd-" + idB + ".scope",
			"cri-containerd-" + idB + ".scope", idB,
		},
		{"Elastic Container Service", "0::/ecs/cluster/5f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5/" + idA, "", idA},
		{"LXC", "0::/lxc.payload.web1/system.slice/nginx.service", "nginx.service", "web1"},
		{"LXC's monitor", "0::/lxc.monitor.web1", "", ""},
		{"LXC before 4.0", "0::/lxc/web1", "", "web1"},
		{"Proxmox", "0::/lxc/101/ns/init.scope", "init.scope", "101"},
		{"Docker in LXC", "0::/lxc.payload.web1/system.slice/docker-" + idA + ".scope", "docker-" + idA + ".scope", idA},
		{"63 digits", "0::/docker/" + idA[1:], "", ""},
		{"65 digits", "0::/docker/a" + idA, "", ""},
		{"no digits", "0::/docker/" + strings.Repeat("g", 64), "", ""},
		{"capitals", "0::/docker/" + strings.ToUpper(idA), "", ""},

		// Version 1.
		{
			"Ubuntu 18.04",
			"12:pids:/user.slice/user-1000.slice/session-2.scope\n11:cpu,cpuacct:/user.slice\n" +
				"1:name=systemd:/user.slice/user-1000.slice/session-2.scope\n0::/user.slice/user-1000.slice/session-2.scope\n",
			"session-2.scope", "",
		},
		{
			"systemd's hierarchy knows best",
			"4:memory:/system.slice/a.service\n0::/system.slice/b.service\n1:name=systemd:/system.slice/c.service\n",
			"c.service", "",
		},
		{"version 2 before others", "4:memory:/system.slice/a.service\n0::/system.slice/b.service\n", "b.service", ""},
		{"systemd's hierarchy unused", "9:name=systemd:/\n4:memory:/docker/" + idA + "\n0::/\n", "", idA},
		{"version 2 beside another manager", "2:name=elogind:/3\n0::/system.slice/cron.service\n", "cron.service", ""},
		{"unit from one, container from another", "4:memory:/docker/" + idA + "\n1:name=systemd:/system.slice/docker.service\n", "docker.service", idA},
		{
			"Docker with systemd",
			"11:cpuset:/system.slice/docker-" + idA + ".scope\n1:name=systemd:/system.slice/docker-" + idA + ".scope\n",
			"docker-" + idA + ".scope", idA,
		},
		{
			"containerd in Kubernetes with systemd",
			"6:memory:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5d1c.slice/cri-containerd-" + idA + ".scope\n" +
				"1:name=systemd:/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod5d1c.slice/cri-containerd-" + idA + ".scope\n",
			"cri-containerd-" + idA + ".scope", idA,
		},
		{"nspawn", "4:pids:/machine.slice/machine-web.scope\n1:name=systemd:/machine.slice/machine-web.scope/payload/init.scope\n", "machine-web.scope", "web"},
		{"Docker", "11:cpuset:/docker/" + idA + "\n1:name=systemd:/docker/" + idA + "\n", "", idA},
		{
			"Kubernetes",
			"11:hugetlb:/kubepods/burstable/pod5d1c8e7f/" + idA + "\n1:name=systemd:/kubepods/burstable/pod5d1c8e7f/" + idA + "\n",
			"", idA,
		},
		{"LXC", "5:devices:/lxc/web1\n1:name=systemd:/lxc/web1/init.scope\n", "init.scope", "web1"},

		{"empty", "", "", ""},
		{"malformed", "\n:\n::\n0:\nx\n0::\n:::", "", ""},
		{"colon in a path", "0::/system.slice/a:b.service\n", "a:b.service", ""},
		{"cut short", "0::/system.slice/cron.serv", "system.slice", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, Cgroup{Unit: tt.unit, ContainerID: tt.container}, ParseCgroup(tt.in))
			require.Equal(t, Cgroup{Unit: tt.unit, ContainerID: tt.container}, ParseCgroup(tt.in+"\n"))
		})
	}
}

func FuzzParseCgroup(f *testing.F) {
	f.Add([]byte("0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service\n"))
	f.Add([]byte("4:memory:/docker/" + idA + "\n1:name=systemd:/system.slice/_cpu.service (deleted)\n"))
	f.Add([]byte("0::/lxc.payload.web1/init.scope\n0::/lxc/101/ns\n"))
	f.Add([]byte("0::/machine.slice/libpod-conmon-" + idA + ".scope"))
	f.Add([]byte(":\n::\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := ParseCgroup(string(b))
		for _, part := range []string{c.Unit, c.ContainerID} {
			require.Contains(t, string(b), part)
			require.NotContains(t, part, "/")
			require.NotContains(t, part, "\n")
		}
		if c.Unit != "" {
			require.Contains(t, []string{"service", "scope", "socket", "mount", "swap", "slice"}, c.Unit[strings.LastIndexByte(c.Unit, '.')+1:])
		}
	})
}
