// Package doctor finds out whether the process connector of a machine works, why not, and
// what to do. It is free of Telegraf, builds on Linux only, and works in three steps:
//
//   - facts.go, members.go and leases.go gather what is the case, from the kernel and from
//     /proc. They leave the kernel's count of listeners as it was.
//   - judge.go turns these facts into findings. It asks nobody, so that tests can show it
//     machines that are not at hand. The words are in findings.txt.
//   - report.go and text.go present both: to programs as JSON, to people as one screen of
//     text.
package doctor
