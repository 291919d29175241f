// Package benchexecd measures the way of event metrics from the plugin through a
// pipe into a real Telegraf, and out of that into a file.
//
// It holds benchmarks only, which "make bench-execd" runs and an ordinary test
// run leaves out: they take the whole machine for a minute or two.
package benchexecd
