package pipeline_test

import (
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/workload"
)

// A tick is one run of a program that is started again and again, each time with
// another argument.
type tick struct {
	line          string    // its command line
	before, after time.Time // it was started
}

// A ticker starts one after the other, until it is told to stop.
type ticker struct {
	stop  chan struct{}
	ended sync.WaitGroup
	ticks []tick // once it has ended
	err   error
}

func (p *pipeline) tick(t *testing.T, command string) *ticker {
	t.Helper()
	const every = 100 * time.Millisecond
	program := p.link(t, command, workload.Build(t))
	k := &ticker{stop: make(chan struct{})}
	k.ended.Go(func() {
		for n := 0; ; n++ {
			argument := "tick-" + strconv.Itoa(n)
			cmd := exec.Command(program, "sleep50", argument)
			before := time.Now()
			if k.err = cmd.Start(); k.err != nil {
				return
			}
			k.ticks = append(k.ticks, tick{program + " sleep50 " + argument, before, time.Now()})
			if k.err = cmd.Wait(); k.err != nil {
				return
			}
			select {
			case <-k.stop:
				return
			case <-time.After(every):
			}
		}
	})
	t.Cleanup(func() { k.end(t) })
	return k
}

// end stops the ticker, and returns what it has started.
func (k *ticker) end(t *testing.T) []tick {
	t.Helper()
	select {
	case <-k.stop:
	default:
		close(k.stop)
	}
	k.ended.Wait()
	require.NoError(t, k.err)
	return k.ticks
}
