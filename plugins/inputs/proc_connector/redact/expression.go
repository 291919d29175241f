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

// A position is where the search for a match may be: at an instruction, with what is
// known of the text around.
type position struct {
	pc     uint32
	before around // what the text before is
	after  around // what the text after must be
	taken  bool   // the match is not empty
}

type around uint8

const (
	anything around = iota
	textEnd         // the beginning or the end of the argument
	someText        // something, and no line break
	lineEnd         // the end of the argument, or a line break
)

// covers reports whether an expression can match one character or more of an
// argument, as far as that can be known.
func covers(prog *syntax.Prog) bool {
	start := uint32(prog.Start)
	todo := []position{{pc: start, before: textEnd}, {pc: start}}
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
			continue
		case syntax.InstFail:
			continue
		case syntax.InstAlt, syntax.InstAltMatch:
			other := p
			other.pc = in.Arg
			todo = append(todo, other)
		case syntax.InstEmptyWidth:
			if !next.assert(syntax.EmptyOp(in.Arg)) {
				continue
			}
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			newline := in.MatchRune('\n')
			if !p.reads(in, newline) {
				continue
			}
			next.before, next.after, next.taken = someText, anything, true
			if newline {
				next.before = anything
			}
		case syntax.InstCapture, syntax.InstNop:
		}
		todo = append(todo, next)
	}
	return false
}

// assert notes what an assertion says of the text around, and reports whether it
// can hold.
func (p *position) assert(op syntax.EmptyOp) bool {
	if op&syntax.EmptyBeginText != 0 && p.before != textEnd || op&syntax.EmptyBeginLine != 0 && p.before == someText {
		return false
	}
	if op&syntax.EmptyEndText != 0 {
		p.after = textEnd
	} else if op&syntax.EmptyEndLine != 0 && p.after != textEnd {
		p.after = lineEnd
	}
	return true
}

// reads reports whether an instruction can take a character of an argument, in
// which there is no NUL.
func (p *position) reads(in *syntax.Inst, newline bool) bool {
	listed := in.Op == syntax.InstRune || in.Op == syntax.InstRune1
	onlyNUL := listed && !slices.ContainsFunc(in.Rune, func(r rune) bool { return r != 0 })
	return !onlyNUL && p.after != textEnd && (p.after != lineEnd || newline)
}

// expression masks what the groups of a match cover, or all of it where there is
// none, or none took part.
func (r *Redactor) expression(re *regexp.Regexp, arg []byte) {
	for _, at := range re.FindAllSubmatchIndex(arg, -1) {
		took := false
		for i := 2; i < len(at); i += 2 {
			if at[i] >= 0 {
				r.mask(at[i], at[i+1])
				took = true
			}
		}
		if !took {
			r.mask(at[0], at[1])
		}
	}
}
