package redact

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
)

// Mask stands in place of a secret.
const Mask = "***"

// A Redactor masks secrets. It reuses its memory, so that only one goroutine
// may use it at a time.
type Redactor struct {
	extra  []*regexp.Regexp
	before []byte // a line that was masked already
	spans  []span // what to mask in the argument at hand
	cut    bool   // the argument at hand may be only the beginning of one

	awsKey   bool     // an AWS access key was there: a secret key may follow
	key      splitKey // a private key whose lines are arguments of their own
	pending  bool     // a pair of name and value has named a secret, its value comes
	ordinary int      // the "=" that a program uses in its own way, or -1
	code     bool     // the argument is code
	listed   bool     // the argument is name=value,name=value
}

// A span is the part of an argument that begins at start and ends before end.
type span struct{ start, end int }

// New returns a Redactor that masks, besides all that it knows of, what the
// regular expressions match: the groups that took part, or the whole match where
// none did. Each sees one argument at a time. One that can match nothing is an
// error.
func New(extra []string) (*Redactor, error) {
	r := &Redactor{}
	for _, expression := range extra {
		re, err := compile(expression)
		if err != nil {
			return nil, err
		}
		r.extra = append(r.extra, re)
	}
	return r, nil
}

// Append appends raw, arguments that each end in a NUL as in /proc/PID/cmdline,
// to dst, with secrets masked, and reports whether anything was. Arguments stay
// apart, and as many as they were. Where the last NUL is missing the last
// argument is taken for one that was cut, and what may be the beginning of a
// secret in it is masked too.
func (r *Redactor) Append(dst, raw []byte) (out []byte, masked bool) {
	start := len(dst)
	given := raw
	dst = r.pass(dst, raw, first)
	// A mask can give what is around it another meaning, as where it takes the
	// place of a quote. What comes out of here is what stays as it is, which
	// nearly always the second pass finds.
	for m := again; !bytes.Equal(dst[start:], raw) && m <= all; m++ {
		r.before = append(r.before[:0], dst[start:]...)
		raw = r.before
		dst = r.pass(dst[:start], raw, m)
	}
	return dst, !bytes.Equal(dst[start:], given)
}

// A mode is what a pass does.
type mode int

const (
	first mode = iota
	again      // without the expressions of the user, which may match any mask
	whole      // an argument with something to mask is masked from end to end
	wider      // the same
	all        // every argument is
)

// pass appends the arguments with secrets masked.
func (r *Redactor) pass(dst, raw []byte, m mode) []byte {
	r.awsKey, r.key = false, noKey
	var c command
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, 0)
		r.cut = end < 0
		if r.cut {
			end = len(raw)
		}
		dst = r.argument(dst, raw[:end], &c, m)
		if !r.cut {
			dst = append(dst, 0)
			end++
		}
		raw = raw[end:]
	}
	return dst
}

// argument appends one argument to dst.
func (r *Redactor) argument(dst, arg []byte, c *command, m mode) []byte {
	if m == all {
		return append(dst, Mask...)
	}
	r.spans = r.spans[:0]
	r.pending, r.ordinary, r.code, r.listed = false, -1, false, false
	if !r.key.next(r, arg) {
		r.word(c, arg, 0, 0)
		r.scan(arg, c.program)
	}
	if m == first {
		for _, re := range r.extra {
			r.expression(re, arg)
		}
	}
	switch {
	case m >= whole && r.changes(arg):
		return append(dst, Mask...)
	case len(r.spans) == 0:
		return append(dst, arg...)
	}
	return r.masked(dst, arg)
}

// changes reports whether there is anything to mask that is not a mask already.
func (r *Redactor) changes(arg []byte) bool {
	for _, s := range r.spans {
		if string(arg[s.start:s.end]) != Mask {
			return true
		}
	}
	return false
}

// masked appends an argument with masks in it.
func (r *Redactor) masked(dst, arg []byte) []byte {
	slices.SortFunc(r.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	done, i := 0, 0
	for i < len(r.spans) {
		s := r.spans[i]
		for i++; i < len(r.spans) && r.spans[i].start <= s.end; i++ {
			s.end = max(s.end, r.spans[i].end)
		}
		dst = append(dst, arg[done:s.start]...)
		dst = append(dst, Mask...)
		done = s.end
	}
	return append(dst, arg[done:]...)
}

// mask notes that a part of the argument is a secret.
func (r *Redactor) mask(start, end int) {
	if start < end {
		r.spans = append(r.spans, span{start, end})
	}
}
