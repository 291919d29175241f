package redact

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

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
