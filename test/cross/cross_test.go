// Package cross_test runs what depends on the kind of machine on two other kinds, one
// that is big-endian and one that has 32 bits, as qemu's user mode shows them.
package cross_test

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
)

const pluginDir = "plugins/inputs/proc_connector"

// A part is a package whose tests need no connector, which qemu does not have.
type part struct {
	dir  string
	skip string   // tests that are not for qemu
	must []string // tests that have to be among those that ran
}

var parts = []part{
	{
		// Decoding, filters and the whole session on a kernel that is made up, in
		// the byte order of the machine.
		dir:  "cnproc",
		skip: "^(TestLive.*|TestObstacle|TestCapture)$",
		must: []string{
			"TestDecodeBothByteOrders/big-endian/exit_of_a_process", "TestDecodeBothByteOrders/little-endian/exit_of_a_process",
			"TestDecodeRefuses/nlmsg_len_at_its_largest", "TestDecodeExitWithoutParent", "TestDecodeCaptured",
			"TestFilter/all_known_types,_no_threads", "TestFilterCanary/own_thread", "TestOpenOrder",
		},
	},
	// The command line of a process under qemu is qemu's.
	{dir: "procfs", skip: "^TestSelf$", must: []string{"TestParseStat/largest_numbers"}},
	{dir: "processes", skip: "^$", must: []string{"TestRebuild"}},
}

func TestElsewhere(t *testing.T) {
	for arch, want := range map[string]struct {
		class elf.Class
		order binary.ByteOrder
	}{
		"s390x": {elf.ELFCLASS64, binary.BigEndian},
		"arm":   {elf.ELFCLASS32, binary.LittleEndian},
	} {
		for _, p := range parts {
			t.Run(arch+"/"+p.dir, func(t *testing.T) {
				program := compile(t, arch, p.dir)
				file, err := elf.Open(program)
				require.NoError(t, err)
				defer file.Close()
				require.Equal(t, want.class, file.Class)
				require.Equal(t, want.order, file.ByteOrder)

				passed := run(t, arch, program, p)
				for _, name := range p.must {
					require.Contains(t, passed, name)
				}
			})
		}
	}
}

// compile returns the path of a package's tests.
func compile(t *testing.T, arch, dir string) string {
	t.Helper()
	program := repo.Artifact(t, dir+"-"+arch+".test")
	cmd := exec.Command("go", "test", "-c", "-o", program, "./"+path.Join(pluginDir, dir))
	cmd.Dir = repo.Root(t)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// run runs the tests and returns the names of those that passed. None may fail or
// skip itself.
func run(t *testing.T, arch, program string, p part) map[string]bool {
	t.Helper()
	cmd := exec.Command("qemu-"+arch, program, "-test.v", "-test.skip", p.skip)
	cmd.Dir = filepath.Join(repo.Root(t), pluginDir, p.dir) // where testdata is
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	passed := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		require.False(t, strings.HasPrefix(line, "--- SKIP: "), line)
		if name, ok := strings.CutPrefix(line, "--- PASS: "); ok {
			passed[strings.Fields(name)[0]] = true
		}
	}
	return passed
}
