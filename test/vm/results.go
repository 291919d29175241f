package vm

import (
	"regexp"
	"strings"
)

// result is what a test in the guest came to, and its subtests.
type result struct {
	name   string // of a subtest what follows the parent's
	status string // PASS, FAIL or SKIP, empty if the test did not end
	took   string
	output strings.Builder
	subs   []*result
}

// results reads what test binaries print with -test.v=test2json: as with -v, but
// all that the testing package prints itself begins with a mark, and "=== NAME"
// says whose output follows.
type results struct {
	top     *result // the test at top level that runs now
	byName  map[string]*result
	current *result
	// other is what belongs to no test: the end of a panic, say.
	other strings.Builder
}

const mark = "\x16"

var (
	event  = regexp.MustCompile(`^=== +(RUN|NAME|CONT|PAUSE) +(\S*)`)
	ending = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \((\S+)\)`)
)

// line takes a line, with its end, and returns a test at top level that has
// ended with it, or nil.
func (r *results) line(text string) (done *result) {
	// A test may have printed half a line before.
	before, marked, ok := strings.Cut(text, mark)
	r.print(before)
	if !ok {
		return nil
	}
	if m := event.FindStringSubmatch(marked); m != nil {
		if m[1] == "RUN" {
			r.begin(m[2])
		}
		r.current = r.byName[m[2]]
		return nil
	}
	if m := ending.FindStringSubmatch(marked); m != nil {
		if test := r.byName[m[2]]; test != nil {
			test.status, test.took = m[1], m[3]
			if test == r.top {
				return r.end()
			}
		}
		return nil
	}
	r.print(marked)
	return nil
}

// end returns the test that runs now, ended or not, or nil.
func (r *results) end() *result {
	top := r.top
	r.top, r.byName, r.current = nil, nil, nil
	return top
}

func (r *results) begin(name string) {
	// Names of subtests may have slashes of their own.
	for at := strings.LastIndexByte(name, '/'); at >= 0; at = strings.LastIndexByte(name[:at], '/') {
		if parent := r.byName[name[:at]]; parent != nil {
			test := &result{name: name[at+1:]}
			parent.subs = append(parent.subs, test)
			r.byName[name] = test
			return
		}
	}
	r.top = &result{name: name}
	r.byName = map[string]*result{name: r.top}
}

func (r *results) print(text string) {
	switch {
	case strings.TrimSpace(text) == "":
	case r.current != nil:
		r.current.output.WriteString(text)
	case r.top != nil:
		r.top.output.WriteString(text)
	default:
		r.other.WriteString(text)
	}
}
