// A package with functions that have no body, as in outside_linux.go, needs a file
// of assembly, even one without any.
