// A package with functions that have no body, as in sleep_linux.go, needs a file
// of assembly, even one without any.
