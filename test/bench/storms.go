package bench

import (
	"strconv"
	"time"
)

// A Storm is what receivers are compared by.
type Storm struct {
	Key  string // for STORMS=
	Name string // in the table

	// kinds of events, of which each thing that the storm makes causes one.
	kinds []string
	// args of the program storm, before the programs that are run.
	args func(n sizes) []string
	// command is what is run, for storms of exec.
	command func(p *Programs) string
	// rate is execs a second, or 0 for as fast as it goes.
	rate int
}

// sizes are how much of everything a storm makes.
type sizes struct {
	renames, forks, threads int
	execs                   int // of each parent
	rated                   int // execs of a storm that has a rate
}

// The storms of a round, and those of a round in which all processors are busy:
// they are shorter, as everything takes several times as long then.
var (
	fullSizes = sizes{renames: 1_000_000, forks: 20_000, threads: 100_000, execs: 2000, rated: 2000}
	busySizes = sizes{renames: 300_000, forks: 10_000, threads: 30_000, execs: 1000, rated: 2000}
)

func dynamic(p *Programs) string { return p.dynamic }
func static(p *Programs) string  { return p.static }

func counted(kind string, count func(n sizes) int) func(n sizes) []string {
	return func(n sizes) []string { return []string{kind, strconv.Itoa(count(n))} }
}

// execs are the arguments of a storm at full speed.
func execs(parents int) func(n sizes) []string {
	return func(n sizes) []string {
		return []string{"exec", strconv.Itoa(parents), strconv.Itoa(n.execs), "0"}
	}
}

const steadyRate = 1000

var process = []string{"fork", "exec", "exit"}

var storms = []Storm{
	{
		Key: "comm", Name: "renames of one thread", kinds: []string{"comm"},
		args: counted("comm", func(n sizes) int { return n.renames }),
	},
	{
		Key: "comm-asleep", Name: "renames that begin in the longest sleep", kinds: []string{"comm"},
		args: counted("asleep", func(n sizes) int { return n.renames }),
	},
	{
		Key: "fork", Name: "fork and exit", kinds: []string{"fork", "exit"},
		args: counted("fork", func(n sizes) int { return n.forks }),
	},
	{Key: "exec-dynamic-1", Name: "exec, dynamic, 1 parent", kinds: process, command: dynamic, args: execs(1)},
	{Key: "exec-dynamic-4", Name: "exec, dynamic, 4 parents", kinds: process, command: dynamic, args: execs(4)},
	{Key: "exec-static-1", Name: "exec, static, 1 parent", kinds: process, command: static, args: execs(1)},
	{Key: "exec-static-4", Name: "exec, static, 4 parents", kinds: process, command: static, args: execs(4)},
	{
		Key: "exec-1000", Name: "exec, dynamic, 1,000 a second", kinds: process, command: dynamic, rate: steadyRate,
		args: func(n sizes) []string {
			return []string{"exec", "1", strconv.Itoa(n.rated), strconv.Itoa(steadyRate)}
		},
	},
	{
		Key: "thread", Name: "threads", kinds: []string{"clone", "exit"},
		args: counted("thread", func(n sizes) int { return n.threads }),
	},
}

// execs reports whether command lines are to be caught.
func (s *Storm) execs() bool { return s.command != nil }

// ofThreads reports whether the events are about threads, which the plugin does
// not ask the kernel for.
func (s *Storm) ofThreads() bool { return s.kinds[0] == "clone" }

// limit bounds how long a storm may take. On a machine that is too slow or too busy
// for that it is a smaller one, and says so.
func (s *Storm) limit() time.Duration {
	if s.execs() {
		return 4 * time.Second
	}
	return 20 * time.Second
}
