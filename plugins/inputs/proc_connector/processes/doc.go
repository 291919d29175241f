// Package processes keeps what is known of every live process (a Table), and counts what the
// processes of each command do (a Set of Series). However many commands there are, the number
// of series is bounded, and the sums over all series are exact.
package processes
