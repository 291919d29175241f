package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cmdline"
)

// A logger writes lines as Telegraf's execd input wants them on stderr: the level first
// ("E! ", "W! ", "I! ", "D! "), no time, one line a message. Telegraf's own loggers put a
// time in front.
//
// Logging never waits: if nobody reads stderr, lines are dropped. Otherwise a stuck Telegraf
// could hold up the thread that receives events, or a stop.
type logger struct {
	prefix string
	lines  chan string // an empty one ends it
	done   chan struct{}
}

const (
	logQueue = 256
	// logFlush bounds how long the end of the program waits for stderr.
	logFlush = 200 * time.Millisecond
)

func newLogger(w io.Writer) *logger {
	l := &logger{lines: make(chan string, logQueue), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for line := <-l.lines; line != ""; line = <-l.lines {
			_, _ = io.WriteString(w, line) //nolint:errcheck // there is nowhere to report it
		}
	}()
	return l
}

// named returns a logger that writes to the same place and puts a name in front of its
// messages.
func (l *logger) named(name string) *logger {
	return &logger{prefix: "[" + name + "] ", lines: l.lines, done: l.done}
}

// flush writes what was logged so far. Nobody reads what is logged afterwards.
func (l *logger) flush() {
	go func() { l.lines <- "" }() // for which there may never be room
	select {
	case <-l.done:
	case <-time.After(logFlush):
	}
}

// fail logs why the program ends, and returns its exit status.
func (l *logger) fail(err error) int {
	l.Error(err)
	return 1
}

// print makes a message one line that cannot play with a terminal, whatever file names and
// the like are in it.
func (l *logger) print(level telegraf.LogLevel, message string) {
	message = cmdline.Clean(strings.ReplaceAll(message, "\n", "; "))
	select {
	case l.lines <- level.Indicator() + " " + l.prefix + message + "\n":
	default:
	}
}

// Level implements telegraf.Logger: what is shown is Telegraf's choice.
func (*logger) Level() telegraf.LogLevel { return telegraf.Debug }

// AddAttribute implements telegraf.Logger; lines of text have none.
func (*logger) AddAttribute(string, any) {}

func (l *logger) Errorf(f string, a ...any) { l.print(telegraf.Error, fmt.Sprintf(f, a...)) }
func (l *logger) Error(a ...any)            { l.print(telegraf.Error, fmt.Sprint(a...)) }
func (l *logger) Warnf(f string, a ...any)  { l.print(telegraf.Warn, fmt.Sprintf(f, a...)) }
func (l *logger) Warn(a ...any)             { l.print(telegraf.Warn, fmt.Sprint(a...)) }
func (l *logger) Infof(f string, a ...any)  { l.print(telegraf.Info, fmt.Sprintf(f, a...)) }
func (l *logger) Info(a ...any)             { l.print(telegraf.Info, fmt.Sprint(a...)) }
func (l *logger) Debugf(f string, a ...any) { l.print(telegraf.Debug, fmt.Sprintf(f, a...)) }
func (l *logger) Debug(a ...any)            { l.print(telegraf.Debug, fmt.Sprint(a...)) }
func (l *logger) Tracef(f string, a ...any) { l.print(telegraf.Trace, fmt.Sprintf(f, a...)) }
func (l *logger) Trace(a ...any)            { l.print(telegraf.Trace, fmt.Sprint(a...)) }
