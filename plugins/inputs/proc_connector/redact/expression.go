package redact

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
)

// compile reads a regular expression of the user. In it "." stands for a line
// break too, so that "(.*)$" covers all of a value.
func compile(expression string) (*regexp.Regexp, error) {
	// First as it stands, since this is what an error quotes.
	if _, err := regexp.Compile(expression); err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	parsed, err := syntax.Parse(expression, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", expression, err)
	}
	if !covers(prog) {
		return nil, fmt.Errorf("%q masks nothing: %w", expression, errCovers)
	}
	return regexp.Compile("(?s:" + expression + ")")
}

var errCovers = errors.New("no text can match it, as it sees one argument at a time, in which there is no NUL, and ^ and $ are its beginning and its end; " +
	"change or remove it")

// A position is where the search for a match may be: at an instruction, between two
// characters. The end of the text, a line break and any other character differ there.
type position struct {
	pc            uint32
	before, after rune
	taken         bool // the match is not empty
}

const end, newline, other = -1, '\n', 'a'

// covers reports whether an expression can match one character or more of an argument, as
// far as that can be known.
func covers(prog *syntax.Prog) bool {
	var todo []position
	for _, before := range [...]rune{end, newline, other} {
		for _, after := range [...]rune{end, newline, other} {
			todo = append(todo, position{pc: uint32(prog.Start), before: before, after: after})
		}
	}
	seen := make(map[position]bool)
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		in := &prog.Inst[p.pc]
		next := p
		next.pc = in.Out
		switch in.Op {
		case syntax.InstMatch:
			if p.taken {
				return true
			}
		case syntax.InstFail:
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, next)
			next.pc = in.Arg
			todo = append(todo, next)
		case syntax.InstEmptyWidth:
			if p.holds(syntax.EmptyOp(in.Arg)) {
				todo = append(todo, next)
			}
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, next)
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if !p.reads(in) {
				continue
			}
			for _, after := range [...]rune{end, newline, other} {
				todo = append(todo, position{pc: in.Out, before: p.after, after: after, taken: true})
			}
		}
	}
	return false
}

// holds reports whether an assertion can hold. Those about words may.
func (p *position) holds(op syntax.EmptyOp) bool {
	const ofWords = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	return op&^(syntax.EmptyOpContext(p.before, p.after)|ofWords) == 0
}

// reads reports whether an instruction can take the character after p, if that is no NUL,
// which is in no argument.
func (p *position) reads(in *syntax.Inst) bool {
	switch p.after {
	case end:
		return false
	case newline:
		return in.MatchRune(newline)
	}
	listed := in.Op == syntax.InstRune || in.Op == syntax.InstRune1
	return !listed || slices.ContainsFunc(in.Rune, func(r rune) bool { return r != 0 })
}

// expressions masks what the groups of a match cover, or all of it where there is none, or
// none took part.
func (r *Redactor) expressions(arg []byte) {
	for _, re := range r.extra {
		for _, at := range re.FindAllSubmatchIndex(arg, -1) {
			took := false
			for i := 2; i < len(at); i += 2 {
				if at[i] >= 0 {
					r.mask(arg[at[i]:at[i+1]])
					took = true
				}
			}
			if !took {
				r.mask(arg[at[0]:at[1]])
			}
		}
	}
}
