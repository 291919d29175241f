package vm

import (
	"testing"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/pace"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/repo"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
	"github.com/proc-connector/telegraf-proc-connector/test/telegraf"
	"github.com/proc-connector/telegraf-proc-connector/test/vm/internal/wire"
	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// kernels are the series of Debian's kernels that tests run on: before Linux 6.6
// the kernel counts differently.
var kernels = []string{"6.1", "6.12"}

// suite is a package whose tests run in the guest.
type suite struct {
	pkg string // below the directory of this module
	// run and skip are patterns of tests that run there, or do not, as of -test.run
	// and -test.skip. Each needs a reason.
	run, skip string
}

// compiledIn are tests of a custom Telegraf with the plugin inside. There they
// would take their time to show what TestInside does.
const compiledIn = "/^compiled_in$"

var suites = []suite{
	{pkg: "truecount"},
	{pkg: "rawlisten"},
	// The first reads the source, which is on the host. On the guest's file system
	// an open file can be emptied although it is immutable, and the two others want
	// one that cannot. What files and directories can do to a lease is the same on
	// every kernel, and so are reloads, of which e2e has one. What gives back after a
	// crash is a start, and once a reconcile. Sockets by the ten thousand take long to
	// make in an emulation.
	{pkg: "balance", skip: "^(TestCrashPointsAreAll|TestLeaseThatStands|TestOrphanThatStands|TestReloads|TestNoLeases|TestVoidLease|" +
		"TestManyVoidLeases|TestLeaseRemovedWhileRunning|Test(Bad|Good|KilledWithBad)StateDir|" +
		"TestReportOnly(BeforeStart|Recovers)|TestCrowd|TestPortIDsAreTaken)$|" +
		"^TestCrashPoints$/.*/^reconcile$|^Test(Riders|KilledBesideRider)$/^1,|" +
		"^TestDeepPoison$/^bystander$|^Test(StopDuringDeepPoison|CrashPointsOfReconcile)$|" + compiledIn},
	// What is about the count, and what the kernel reports of each kind of event.
	// The rest is the same on every kernel, and some of it measures real machines;
	// one way to stop while stdout is blocked stands for all, and the moments of a
	// start at which a stop can come are the program's.
	{pkg: "e2e", run: "^Test(Blocked|ClosedStdout|Stop|StdinEnds|TwoAtOnce|Killed|Inside|Namespaces|NoProc|" +
		"Unprivileged|Telegraf|Reload|PluginEnds|Counters$)",
		skip: "^TestKilledCompiledIn$|^TestBlockedStdout(IsReadAgain|AndStderr|WhileGathering)$|^TestBlockedStdout$/^(SIGINT|stdin_EOF)$|" +
			"^Test(Stop|StdinEnds)WhileStarting$|^TestReloads$|" + compiledIn},
	{pkg: "doctor"},
}

// artifacts are the functions that build what the tests run. In the guest they
// return what they returned on the host.
var artifacts = []func(testing.TB) string{
	plugin.Build,
	plugin.BuildFaultpoints,
	telegraf.Build,
	workload.Build,
}

// programs of the host that tests run.
var programs = []string{
	"bash", "cat", "env", "false", "mount", "rmdir", "sh", "sleep", "true", "umount", "unshare",
}

// files that programs and the Go library read in the guest.
var files = map[string]string{ //nolint:gosec // G101: nobody has a password there
	"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	"/etc/group":  "root:x:0:\nnogroup:x:65534:\n",
}

// environment of the tests in the guest.
var environment = []string{
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"USER=root",
	"LC_ALL=C.UTF-8",
	// So that a guard that cannot read the listener count fails.
	"CI=true",
	repo.PrebuiltEnv + "=" + wire.Artifacts,
	// Under emulation a program takes 10 to 20 times as long.
	pace.Env + "=10",
}
