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
	pc            int
	before, after rune
	taken         bool // the match is not empty
}

// covers reports whether an expression can match a character of an argument, as far as that is clear.
func covers(prog *syntax.Prog) bool {
	var open []position // where the search goes on
	read := func(pc int, before rune, taken bool) {
		for _, after := range []rune{-1, '\n', 'a'} {
			open = append(open, position{pc, before, after, taken})
		}
	}
	read(prog.Start, -1, false)
	read(prog.Start, '\n', false)
	seen := make(map[position]bool)
	for i := 0; i < len(open); i++ {
		p := open[i]
		if seen[p] {
			continue
		}
		seen[p] = true
		in := &prog.Inst[p.pc]
		next, other := p, p
		next.pc, other.pc = int(in.Out), int(in.Arg)
		switch in.Op {
		case syntax.InstMatch:
			if p.taken {
				return true
			}
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			open = append(open, next, other)
		case syntax.InstEmptyWidth: // those about words may hold
			const ofWords = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
			if syntax.EmptyOp(in.Arg)&^(syntax.EmptyOpContext(p.before, p.after)|ofWords) == 0 {
				open = append(open, next)
			}
		case syntax.InstCapture, syntax.InstNop:
			open = append(open, next)
		default:
			if p.reads(in) {
				read(next.pc, p.after, true)
			}
		}
	}
	return false
}

// reads reports whether an instruction can take the character after p. No argument has a NUL in it.
func (p *position) reads(in *syntax.Inst) bool {
	switch {
	case p.after != 'a':
		return p.after == '\n' && in.MatchRune('\n')
	case in.Op == syntax.InstRune, in.Op == syntax.InstRune1:
		return slices.ContainsFunc(in.Rune, func(r rune) bool { return r != 0 })
	}
	return true
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
