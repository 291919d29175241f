package processes

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWholeName(t *testing.T) {
	const (
		comm   = "nightly-backup-"
		script = "/opt/jobs/nightly-backup-all.sh"
		name   = "nightly-backup-all.sh"
	)
	tests := map[string]struct {
		comm  string
		args  []string
		exe   string
		found bool // the process was there before the plugin
		want  string
	}{
		// Scripts, as the kernel gives them to their interpreters.
		"script":             {comm: comm, args: []string{"/bin/sh", script}, exe: "/usr/bin/dash", want: name},
		"script with option": {comm: comm, args: []string{"/bin/sh", "-e", script, "x"}, exe: "/usr/bin/dash", want: name},
		"perl -w":            {comm: comm, args: []string{"/usr/bin/perl", "-w", "./" + name}, exe: "/usr/bin/perl", want: name},
		"env":                {comm: comm, args: []string{"/usr/bin/env", "python3", script}, exe: "/usr/bin/env", want: name},
		"env -S":             {comm: comm, args: []string{"/usr/bin/env", "-S python3 -u", script}, exe: "/usr/bin/env", want: name},
		"nested interpreters": {
			comm: comm, args: []string{"/bin/sh", "-e", "/opt/a", "-b", "/opt/c", "-d", "/opt/e", "-f", "/opt/g", "-h", script},
			exe: "/usr/bin/dash", want: name,
		},
		"script without a directory": {comm: comm, args: []string{"/bin/sh", "-e", name}, exe: "/usr/bin/dash", want: name},
		"two scripts, the first is the one that runs": {
			comm: comm, args: []string{"/bin/sh", "-e", script, "/opt/nightly-backup-other"}, exe: "/usr/bin/dash", want: name,
		},
		"found":                   {comm: comm, args: []string{"/bin/sh", "-e", script}, exe: "/usr/bin/dash", found: true, want: name},
		"exe is not permitted":    {comm: comm, args: []string{"/bin/sh", "-e", script}, want: name},
		"beyond any interpreter":  {comm: comm, args: append(strings.Split(strings.Repeat("x ", 11), " ")[:11], script), exe: "/x", want: comm},
		"no argument fits":        {comm: comm, args: []string{"/bin/sh", "-e", "/opt/other-backup.sh"}, exe: "/usr/bin/dash", want: comm},
		"only the directory fits": {comm: comm, args: []string{"/bin/sh", "/opt/nightly-backup-all/run"}, exe: "/usr/bin/dash", want: comm},
		"too long for a file":     {comm: comm, args: []string{"/bin/sh", comm + strings.Repeat("x", 300)}, exe: "/usr/bin/dash", want: comm},
		"exactly 15 bytes":        {comm: comm, args: []string{"/bin/sh", "-e", "./" + comm, script}, exe: "/usr/bin/dash", want: comm},
		"program of 15 bytes":     {comm: comm, args: []string{"./" + comm, script}, exe: "/opt/" + comm, want: comm},
		"link to another program": {
			comm: comm, args: []string{"/bin/nightly-backup-run"}, exe: "/opt/nightly-backup-run-3.2", want: "nightly-backup-run",
		},
		"argv[0] is of no use": {comm: comm, args: []string{"-", script}, exe: "/opt/nightly-backup-run", want: "nightly-backup-run"},
		"a title": {
			comm: comm, args: []string{"nightly-backup-run: idle, since yesterday"}, exe: "/opt/nightly-backup-run", found: true, want: "nightly-backup-run",
		},
		"no arguments, no program": {comm: comm, want: comm},

		// What is executed through a link of /proc, or a descriptor.
		"exe": {
			comm: "exe", args: []string{"/proc/self/exe", "--type=zygote"}, exe: "/opt/google/chrome/chrome", want: "chrome",
		},
		"exe with another argv[0]": {comm: "exe", args: []string{"docker-untar", "/"}, exe: "/usr/bin/dockerd", want: "dockerd"},
		"exe, found":               {comm: "exe", args: []string{"/proc/self/exe", "init"}, exe: "/usr/sbin/runc", found: true, want: "runc"},
		"exe of no name":           {comm: "exe", args: []string{"/proc/self/exe"}, want: "exe"},
		"exe of another thread":    {comm: "exe", args: []string{"/proc/thread-self/exe"}, exe: "/usr/bin/x", want: "x"},
		"descriptor":               {comm: "7", args: []string{"cat", "x"}, exe: "/usr/bin/cat", want: "cat"},
		"descriptor, its number":   {comm: "3", args: []string{"sleep", "3"}, exe: "/usr/bin/sleep", want: "sleep"},
		"path of a descriptor": {
			comm: "12", args: []string{"/dev/fd/12"}, exe: "/usr/bin/a-program-of-a-long-name", want: "a-program-of-a-long-name",
		},
		"path in proc":         {comm: "12", args: []string{"/proc/self/fd/12"}, exe: "/usr/bin/cat", want: "cat"},
		"script by descriptor": {comm: "7", args: []string{"/bin/sh", "/dev/fd/7"}, exe: "/usr/bin/dash", want: "dash"},
		"memfd":                {comm: "7", args: []string{"x"}, exe: "/memfd:loader", want: "memfd:loader"},
		"memfd with slashes": {
			comm: "6", args: []string{"runc", "init"}, exe: "/memfd:runc_cloned:/proc/self/exe", want: "memfd:runc_cloned:/proc/self/exe",
		},
		"memfd, cut": {
			comm: "memfd:runc_clon", args: []string{"runc", "init"}, exe: "/memfd:runc_cloned:/proc/self/exe", want: "memfd:runc_cloned:/proc/self/exe",
		},
		"memfd without a name":      {comm: "7", args: []string{"x"}, exe: "/memfd:", want: "memfd:"},
		"reserved":                  {comm: "exe", args: []string{"x"}, exe: "/tmp/_other", want: `\x5fother`},
		"exe, not text":             {comm: "exe", args: []string{"x"}, exe: "/tmp/a\nb\xff", want: "a\\nb\ufffd"},
		"a number that it took":     {comm: "7", args: []string{"worker"}, exe: "/usr/bin/worker", found: true, want: "7"},
		"a program exe":             {comm: "exe", args: []string{"./exe"}, exe: "/opt/exe", want: "exe"},
		"a program 7":               {comm: "7", args: []string{"x"}, exe: "/opt/7", want: "7"},
		"a link exe":                {comm: "exe", args: []string{"/usr/bin/exe"}, exe: "/usr/bin/busybox", want: "exe"},
		"a link 7, found by $PATH":  {comm: "7", args: []string{"7"}, exe: "/usr/bin/busybox", want: "7"},
		"a script 7":                {comm: "7", args: []string{"/bin/sh", "./7"}, exe: "/usr/bin/dash", want: "7"},
		"a script exe, with option": {comm: "exe", args: []string{"/bin/sh", "-e", "/opt/exe"}, exe: "/usr/bin/dash", want: "exe"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var args string
			if len(tt.args) > 0 {
				args = strings.Join(tt.args, "\x00") + "\x00"
			}
			require.True(t, Vague([]byte(tt.comm), !tt.found) || tt.comm == tt.want)
			if Vague([]byte(tt.comm), !tt.found) {
				require.Equal(t, tt.want, WholeName([]byte(tt.comm), []byte(args), tt.exe, !tt.found))
			}
		})
	}

	// An argument of which the end was not read is not a name.
	require.Equal(t, comm, WholeName([]byte(comm), []byte("/bin/sh\x00-e\x00./nightly-backup-al"), "/usr/bin/dash", true))
	for _, plain := range []string{"", "sh", "7z", "exec", "Exe"} {
		require.False(t, Vague([]byte(plain), true), plain)
	}
}
