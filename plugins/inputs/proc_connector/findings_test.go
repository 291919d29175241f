//go:build linux

package proc_connector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

const margin = uint64(lookMargin)

// A record keeps what was resolved.
type record struct {
	execs []execEvent
	exits []int32
}

func (r *record) resolve(f finding) {
	if f.exec != nil {
		r.execs = append(r.execs, *f.exec)
	} else {
		r.exits = append(r.exits, f.pid)
	}
}

func TestExitIsHeld(t *testing.T) {
	tests := map[string]struct {
		then  func(f *findings) (cnproc.ExitStatus, bool)
		fork  bool
		exits []int32
	}{
		"nothing contradicts": {
			then:  func(*findings) (cnproc.ExitStatus, bool) { return 0, false },
			exits: []int32{7},
		},
		"another thread called exec: the process lives on": {
			then: func(f *findings) (cnproc.ExitStatus, bool) { f.exec(7, 900); return 0, false },
		},
		"the id is given to another: that is its end, at once": {
			then: func(f *findings) (cnproc.ExitStatus, bool) { return f.fork(7, 900) },
			fork: true,
		},
		"another process's exec": {
			then:  func(f *findings) (cnproc.ExitStatus, bool) { f.exec(8, 900); return 0, false },
			exits: []int32{7},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r record
			f := newFindings(r.resolve)
			f.addExit(7, 1000, 0x300)
			f.passed(1000 + margin)
			require.Empty(t, r.exits)

			status, ok := tt.then(&f)
			require.Equal(t, tt.fork, ok)
			if ok {
				require.Equal(t, 3, status.Code())
			}
			f.passed(1000 + margin + 1)
			require.Equal(t, tt.exits, r.exits)
			require.Empty(t, f.exits)
			require.Zero(t, f.len())
		})
	}
}

func TestExecIsHeld(t *testing.T) {
	tests := map[string]struct {
		then func(f *findings)
		gone bool
	}{
		"nothing contradicts":                        {then: func(*findings) {}},
		"it had called exec again before the look":   {then: func(f *findings) { f.exec(7, 900) }, gone: true},
		"it was about to when it was looked at":      {then: func(f *findings) { f.exec(7, 1000+margin-1) }, gone: true},
		"it calls exec later":                        {then: func(f *findings) { f.exec(7, 1000+margin) }},
		"its id was another's when it was looked at": {then: func(f *findings) { f.fork(7, 900) }, gone: true},
		"its id is another's later":                  {then: func(f *findings) { f.fork(7, 1000+margin) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r record
			f := newFindings(r.resolve)
			f.addExec(7, 1000, &execEvent{pid: 7, ppid: 1, command: "sleep", cmdline: "sleep 1", exe: "/bin/sleep", cwd: "/"})
			tt.then(&f)
			f.passed(2000 + margin)

			want := execEvent{pid: 7, ppid: 1, command: "sleep", cmdline: "sleep 1", exe: "/bin/sleep", cwd: "/"}
			if tt.gone {
				want = execEvent{pid: 7, ppid: 1, command: commandUnknown, gone: true}
			}
			require.Equal(t, []execEvent{want}, r.execs)
			require.Empty(t, f.execs)
			require.Zero(t, f.bytes)
		})
	}
}

// Of two execs, only the first is in doubt.
func TestChainOfExecs(t *testing.T) {
	var r record
	f := newFindings(r.resolve)
	f.addExec(7, 1000, &execEvent{command: "env"})
	f.exec(7, 950)
	f.addExec(7, 1100, &execEvent{command: "sleep"})
	f.flush()
	require.True(t, r.execs[0].gone)
	require.False(t, r.execs[1].gone)
}

func TestFindingsAreBounded(t *testing.T) {
	var r record
	f := newFindings(r.resolve)
	for i := range int32(maxFindings + 10) {
		f.addExit(i, 1000, 0)
	}
	require.Equal(t, maxFindings, f.len())
	require.Len(t, r.exits, 10)

	line := string(make([]byte, queueBytes/4))
	f = newFindings(r.resolve)
	for i := range int32(6) {
		f.addExec(i, 1000, &execEvent{cmdline: line})
	}
	require.Equal(t, 4, f.len())
	require.Len(t, r.execs, 2)
	require.LessOrEqual(t, f.bytes, queueBytes)
}

// Whatever comes, each finding is resolved once at most, in order, and nothing
// is left behind.
func TestFindingsKeepTheirBooks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var r record
		f := newFindings(r.resolve)
		var now uint64
		added, settled := 0, 0
		for range 300 {
			now += rnd.Uint64N(margin / 2)
			pid := int32(rnd.IntN(5))
			switch rnd.IntN(4) {
			case 0:
				f.addExec(pid, now, &execEvent{pid: pid})
				added++
			case 1:
				if _, held := f.exits[pid]; !held { // an id ends once
					f.addExit(pid, now, 0)
					added++
				}
			case 2:
				if _, held := f.exits[pid]; held {
					settled++
				}
				if rnd.IntN(2) == 0 {
					f.exec(pid, now)
				} else {
					f.fork(pid, now)
				}
			default:
				f.passed(now)
			}
			require.LessOrEqual(t, len(f.execs)+len(f.exits), f.len())
			for pid, n := range f.exits {
				require.Equal(t, pid, f.at(n).pid)
				require.Nil(t, f.at(n).exec)
			}
			for pid, n := range f.execs {
				require.Equal(t, pid, f.at(n).pid)
				require.NotNil(t, f.at(n).exec)
			}
		}
		f.flush()
		require.Equal(t, added, len(r.execs)+len(r.exits)+settled)
		require.Empty(t, f.execs)
		require.Empty(t, f.exits)
		require.Zero(t, f.bytes)
	}
}
