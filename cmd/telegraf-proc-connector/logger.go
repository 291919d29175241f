package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/influxdata/telegraf"
)

// A logger writes lines as Telegraf's execd input wants them on stderr: the
// level first ("E! ", "W! ", "I! ", "D! "), no time, one line a message.
//
// Whoever logs never waits: if stderr is not read, lines are dropped. Otherwise a
// stuck Telegraf could hold up the thread that receives events, or a stop.
type logger struct {
	prefix string
	*logWriter
}

// A logWriter is what the loggers of a program share.
type logWriter struct {
	lines chan string // an empty one ends it
	done  chan struct{}
}

const (
	logQueue = 256
	// logFlush bounds how long the end of the program waits for stderr.
	logFlush = 200 * time.Millisecond
)

func newLogger(w io.Writer) *logger {
	l := &logWriter{lines: make(chan string, logQueue), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for line := range l.lines {
			if line == "" {
				return
			}
			// There is nowhere to report that the log cannot be written.
			_, _ = io.WriteString(w, line) //nolint:errcheck // see above
		}
	}()
	return &logger{logWriter: l}
}

// named returns a logger that writes to the same place and puts a name in front
// of its messages.
func (l *logger) named(name string) *logger {
	return &logger{prefix: "[" + name + "] ", logWriter: l.logWriter}
}

// flush writes what was logged so far. Nothing may be logged afterwards that
// somebody should read.
func (l *logWriter) flush() {
	timeout := time.After(logFlush)
	select {
	case l.lines <- "":
	case <-timeout:
		return
	}
	select {
	case <-l.done:
	case <-timeout:
	}
}

func (l *logger) print(level telegraf.LogLevel, message string) {
	line := level.Indicator() + " " + l.prefix + oneLine(message) + "\n"
	select {
	case l.lines <- line:
	default:
	}
}

// oneLine makes a message one line that cannot play with a terminal, whatever file
// names and the like are in it.
func oneLine(message string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ReplaceAll(message, "\n", "; "))
}

// Level implements telegraf.Logger: what is shown is Telegraf's choice.
func (*logger) Level() telegraf.LogLevel { return telegraf.Debug }

// AddAttribute implements telegraf.Logger; lines of text have none.
func (*logger) AddAttribute(string, interface{}) {}

func (l *logger) Errorf(f string, a ...interface{}) { l.print(telegraf.Error, fmt.Sprintf(f, a...)) }
func (l *logger) Error(a ...interface{})            { l.print(telegraf.Error, fmt.Sprint(a...)) }
func (l *logger) Warnf(f string, a ...interface{})  { l.print(telegraf.Warn, fmt.Sprintf(f, a...)) }
func (l *logger) Warn(a ...interface{})             { l.print(telegraf.Warn, fmt.Sprint(a...)) }
func (l *logger) Infof(f string, a ...interface{})  { l.print(telegraf.Info, fmt.Sprintf(f, a...)) }
func (l *logger) Info(a ...interface{})             { l.print(telegraf.Info, fmt.Sprint(a...)) }
func (l *logger) Debugf(f string, a ...interface{}) { l.print(telegraf.Debug, fmt.Sprintf(f, a...)) }
func (l *logger) Debug(a ...interface{})            { l.print(telegraf.Debug, fmt.Sprint(a...)) }
func (l *logger) Tracef(f string, a ...interface{}) { l.print(telegraf.Trace, fmt.Sprintf(f, a...)) }
func (l *logger) Trace(a ...interface{})            { l.print(telegraf.Trace, fmt.Sprint(a...)) }
