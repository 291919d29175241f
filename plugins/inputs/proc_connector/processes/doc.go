// Package processes keeps what is known of every live process (a Table) and counts
// what the processes of each command do (a Set of Series).
//
// The Table is built from /proc once and then kept by the events of the process
// connector. However many commands there are, the number of series is bounded, and
// the sums over all series are exact: what has no series of its own is counted in a
// common one.
package processes
