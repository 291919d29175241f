// Package cmdline turns command lines and names that other programs chose into text that is
// safe to store, to print and to paste into a shell.
//
// A process names itself and its arguments with any bytes it likes: line breaks that forge
// a log line, escape sequences that rewrite a terminal, marks that reverse the direction of
// writing, blanks that make two arguments look like one. What comes out of this package is
// valid UTF-8 in which every character can be seen.
package cmdline
