// Package doctor finds out whether the process connector of a machine works,
// why not, and what to do: the logic behind the command doctor, free of Telegraf.
//
// It works in three steps, each in files of its own:
//
//   - facts.go gathers what is the case, from the kernel and from /proc. It
//     leaves the kernel's count of listeners as it was.
//   - judge.go turns these facts into findings. It asks nobody, so that tests can
//     show it machines that are not at hand.
//   - report.go and text.go present both: to programs as JSON, to people as one
//     screen of text.
package doctor
