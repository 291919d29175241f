package e2e_test

import (
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/proc-connector/telegraf-proc-connector/test/internal/check"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/listeners"
	"github.com/proc-connector/telegraf-proc-connector/test/internal/output"
	"github.com/proc-connector/telegraf-proc-connector/test/plugin"
)

// Somebody who runs the program by hand is told what it does and which keys there
// are, and the keys do that.
func TestTerminal(t *testing.T) {
	l := listeners.Guard(t)
	keyboard, terminal, err := pty.Open()
	require.NoError(t, err)
	defer keyboard.Close()
	screen := output.New()
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(screen, keyboard)
		screen.End()
		read <- err
	}()

	p := plugin.Start(t, plugin.Command(func(cmd *exec.Cmd) {
		cmd.Stdin, cmd.Stdout = terminal, terminal
		// The terminal's Ctrl-C is for the programs of its session.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}))
	require.NoError(t, terminal.Close())
	l.Require(1)
	require.True(t, strings.HasPrefix(p.Stderr(), "Reporting what is started on this machine, as Telegraf will see it: counters only on request.\n"+
		"Enter reports counters at once, Ctrl-C stops.\n"), p.Stderr())

	press := func(keys string) {
		_, err := keyboard.WriteString(keys)
		require.NoError(t, err)
	}
	require.NotContains(t, screen.Since(0), "proc_connector_listener ")
	press("\r")
	check.Eventually(t, "counters on the screen", stopLimit, func() bool {
		return strings.Contains(screen.Since(0), "\nproc_connector_listener listening=1i,")
	})
	press("\x03")
	check.Exited(t, 0, p.Wait(stopLimit))
	l.Require(0)
	// A terminal whose programs have gone cannot be read any more.
	require.ErrorIs(t, <-read, syscall.EIO)
}

// Without a terminal there is nobody to be told, and Telegraf would take it for a
// complaint.
func TestNoTerminal(t *testing.T) {
	listeners.Guard(t)
	p := plugin.Start(t)
	check.Exited(t, 0, p.Stop())
	require.NotContains(t, p.Stderr(), "Ctrl-C")
	for line := range strings.Lines(p.Stderr()) {
		require.Regexp(t, `^[DIWE]! `, line)
	}
}
