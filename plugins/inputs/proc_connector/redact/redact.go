// Package redact masks what looks like a secret in the arguments of other programs, before they leave the machine.
//
// Nothing marks a secret as one, so this goes by names (--password, API_TOKEN=), places (mysql -p…, curl -u),
// forms (scheme://user:password@host, Authorization: …), and how well-known tokens begin. A secret that has none
// of these passes, and something harmless that looks like one is masked. What is known of programs, names and
// tokens is in the files in rules. A new one belongs there, with a line in testdata/secrets.txt, and one in
// testdata/innocent.txt that looks like it.
//
// Everything is one pass over an argument, with a bounded look around at each step, or one whose end is
// remembered: the time is linear in the length, whatever the bytes are.
//
// A mask must not be a place to hide in: it covers what may be a value, and not the commands behind it.
package redact

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// Mask stands in place of a secret.
const Mask = "***"

// A Redactor masks secrets. It reuses its memory, so that only one goroutine may use it at a time.
type Redactor struct {
	extra  []*regexp.Regexp
	before []byte // a line that was masked already
	awsKey bool   // an AWS access key was there: a secret key may follow
	key    string // what was there of a private key whose words are arguments of their own

	arg      []byte // the argument at hand
	cut      bool   // it may be only the beginning of one
	spans    []span // what to mask in it
	pending  bool   // a pair of name and value in it has named a secret, its value comes
	ordinary int    // the "=" in it that a program uses in its own way, or -1
	code     bool   // it is code
	listed   bool   // it is name=value,name=value
}

// A span is the part of an argument that begins at start and ends before end.
type span struct{ start, end int }

// New returns a Redactor that masks, besides all that it knows of, what the regular expressions match: the
// groups that took part, or the whole match where none did. Each sees one argument at a time. One that can
// match nothing is an error.
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

// Append appends raw, arguments that each end in a NUL as in /proc/PID/cmdline, to dst, with secrets masked, and
// reports whether anything was. Arguments stay apart, and as many as they were. Where the last NUL is missing the
// last argument is taken for one that was cut, and what may be the beginning of a secret in it is masked too.
func (r *Redactor) Append(dst, raw []byte) (out []byte, masked bool) {
	start, given := len(dst), raw
	dst = r.pass(dst, raw, first)
	// A mask can give what is around it another meaning, as where it takes the place of a
	// quote. What comes out of here stays as it is: the second pass nearly always finds that.
	for n := first + 1; !bytes.Equal(dst[start:], raw) && n <= all; n++ {
		r.before = append(r.before[:0], dst[start:]...)
		raw = r.before
		dst = r.pass(dst[:start], raw, n)
	}
	return dst, !bytes.Equal(dst[start:], given)
}

// Passes with something of their own.
const (
	first = 0 // with the expressions of the user, which may match any mask
	whole = 2 // from here on an argument with something to mask is masked from end to end
	all   = 4 // every argument is
)

func (r *Redactor) pass(dst, raw []byte, n int) []byte {
	r.awsKey, r.key = false, ""
	c := r.command(0)
	for len(raw) > 0 {
		end := bytes.IndexByte(raw, 0)
		if r.cut = end < 0; r.cut {
			end = len(raw)
		}
		r.arg = raw[:end]
		dst = c.argument(dst, n)
		if !r.cut {
			dst = append(dst, 0)
			end++
		}
		raw = raw[end:]
	}
	return dst
}

func (c *command) argument(dst []byte, n int) []byte {
	r := c.Redactor
	r.spans = r.spans[:0]
	r.pending, r.ordinary, r.code, r.listed = false, -1, false, false
	if !r.splitKeyWord(r.arg) {
		c.word(r.arg)
		r.scan(c.program)
	}
	if n == first {
		r.expressions(r.arg)
	}
	unmasked := func(s span) bool { return string(r.arg[s.start:s.end]) != Mask }
	if n == all || n >= whole && slices.ContainsFunc(r.spans, unmasked) {
		return append(dst, Mask...)
	}
	slices.SortFunc(r.spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	done := 0
	for i, s := range r.spans {
		if i == 0 || s.start > done {
			dst = append(dst, r.arg[done:s.start]...)
			dst = append(dst, Mask...)
		}
		done = max(done, s.end)
	}
	return append(dst, r.arg[done:]...)
}

// mask notes that a part of the argument, a slice of it, is a secret.
func (r *Redactor) mask(part []byte) {
	if start := r.index(part); len(part) > 0 {
		r.spans = append(r.spans, span{start, start + len(part)})
	}
}

// index returns where in the argument a part of it begins: the capacity of both goes to the same end.
func (r *Redactor) index(part []byte) int { return cap(r.arg) - cap(part) }

// maskLogin masks a password, and a user's name that is the secret, as the password tells.
func (r *Redactor) maskLogin(user, password []byte, shell bool) {
	const least = 16
	if shell && reference(password) {
		return
	}
	if (len(password) == 0 || placeholders.has(password)) && len(user) >= least && random(user) {
		r.mask(user)
	}
	r.mask(password)
}

// maskValue masks the value of something with a name of this strength, and reports whether it did. A shell puts
// something else in place of a reference.
func (r *Redactor) maskValue(s strength, value []byte, shell bool) bool {
	tells := s == certain || !pathLike.has(value) && (s == likely || s == vague && random(value))
	if !tells || trivial(value) || shell && reference(value) {
		return false
	}
	r.mask(value)
	return true
}

// compile reads a regular expression of the user. In it "." stands for a line break too,
// so that "(.*)$" covers all of a value.
func compile(expression string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(expression, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	if prog, err := syntax.Compile(parsed.Simplify()); err != nil || !covers(prog) {
		return nil, fmt.Errorf("%q masks nothing: no text can match it, as it sees one argument at a time, "+
			"in which there is no NUL, and ^ and $ are its beginning and its end; change or remove it", expression)
	}
	return regexp.Compile("(?s:" + expression + ")")
}

// A position is where the search for a match may be: at an instruction, between two
// characters. All that differ are the end of the text, a line break and the others.
type position struct {
	pc            uint32
	before, after rune
	taken         bool // the match is not empty
}

// covers reports whether an expression can match a character of an argument, as far as that is clear.
func covers(prog *syntax.Prog) bool {
	seen := make(map[position]bool)
	var leads func(p position) bool // to such a match
	goOn := func(pc uint32, before rune, taken bool) bool {
		after := func(c rune) bool { return leads(position{pc, before, c, taken}) }
		return after(-1) || after('\n') || after('a')
	}
	leads = func(p position) bool {
		if seen[p] {
			return false
		}
		seen[p] = true
		in := &prog.Inst[p.pc]
		next, other := p, p
		next.pc, other.pc = in.Out, in.Arg
		switch in.Op {
		case syntax.InstMatch:
			return p.taken
		case syntax.InstFail:
			return false
		case syntax.InstAlt, syntax.InstAltMatch:
			return leads(next) || leads(other)
		case syntax.InstEmptyWidth: // those about words may hold
			const ofWords = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
			return syntax.EmptyOp(in.Arg)&^(syntax.EmptyOpContext(p.before, p.after)|ofWords) == 0 && leads(next)
		case syntax.InstCapture, syntax.InstNop:
			return leads(next)
		}
		// No argument has a NUL in it.
		reads := p.after == '\n' && in.MatchRune('\n') ||
			p.after == 'a' && slices.ContainsFunc(in.Rune, func(r rune) bool { return r != 0 })
		return reads && goOn(in.Out, p.after, true)
	}
	start := uint32(prog.Start)
	return goOn(start, -1, false) || goOn(start, '\n', false)
}

// expressions masks what the groups of a match cover, or all of it where none took part.
func (r *Redactor) expressions(arg []byte) {
	for _, re := range r.extra {
		for _, at := range re.FindAllSubmatchIndex(arg, -1) {
			groups := at[2:]
			if len(groups) == 0 || slices.Max(groups) < 0 {
				groups = at[:2]
			}
			for group := range slices.Chunk(groups, 2) {
				if group[0] >= 0 {
					r.mask(arg[group[0]:group[1]])
				}
			}
		}
	}
}
