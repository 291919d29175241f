package doctor

import (
	"cmp"
	"fmt"
	"io"
	"strings"
)

const (
	textWidth  = 100 // how long a line of text may be
	textIndent = 9   // what is in front of each, for the label
	maxListed  = 6   // how many programs are named
)

var labels = map[Level]string{Problem: "PROBLEM", Note: "note", OK: "ok"}

// WriteText writes the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		paragraph(&b, labels[f.Level], f.Text)
		if f.Advice != "" {
			paragraph(&b, "", "To do: "+f.Advice)
		}
	}
	b.WriteByte('\n')
	paragraph(&b, "kernel", r.Kernel.text())
	if r.Connector.Examined {
		paragraph(&b, "members", r.membersText())
		paragraph(&b, "buffer", r.Buffer.text())
	}
	paragraph(&b, "rights", r.Rights.text())
	paragraph(&b, "leases", r.Leases.text())
	_, err := io.WriteString(w, b.String())
	return err
}

// paragraph writes text in lines beside a label.
func paragraph(b *strings.Builder, label, text string) {
	line := fmt.Sprintf("%-*s", textIndent-1, label)
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > textWidth && strings.TrimSpace(line) != "" {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", textIndent-1)
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

func (k Kernel) text() string {
	return "Linux " + cmp.Or(k.Release, "of an unknown release") + map[Rules]string{
		EachRequest: ": a repeated LISTEN or IGNORE counts again; sending them needs CAP_NET_ADMIN",
		EachChange:  ": a repeated LISTEN or IGNORE does not count; any user may send them",
	}[k.Rules]
}

func (r *Report) membersText() string {
	text := cmp.Or(listing(r.Members), "no other program is in the connector's group")
	if r.Connector.Crowd && len(r.Members) > 0 {
		text += ", and more than can be listed"
	}
	return text
}

// listing names the programs that have the sockets open.
func listing(members []Member) string {
	var programs []string
	sockets := make(map[string]int)
	unknown := 0
	for _, m := range members {
		if len(m.Processes) == 0 {
			unknown++
		}
		for _, p := range m.Processes {
			if sockets[p.text()]++; sockets[p.text()] == 1 {
				programs = append(programs, p.text())
			}
		}
	}
	more := len(programs) - maxListed
	programs = programs[:min(len(programs), maxListed)]
	for i, program := range programs {
		if n := sockets[program]; n > 1 {
			programs[i] += fmt.Sprintf(" with %d sockets", n)
		}
	}
	if more > 0 {
		programs = append(programs, fmt.Sprintf("%d more", more))
	}
	if unknown == 1 {
		programs = append(programs, "an unknown process")
	} else if unknown > 1 {
		programs = append(programs, fmt.Sprintf("unknown processes with %d sockets", unknown))
	}
	return enumerate(programs)
}

func (p Process) text() string {
	if p.Name == "" {
		return fmt.Sprintf("process %d", p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

func (b Buffer) text() string {
	text := fmt.Sprintf("%s granted of %s wanted", kib(b.Granted), kib(b.Wanted))
	if b.Limit > 0 {
		text += "; without CAP_NET_ADMIN the limit is " + kib(b.Limit)
	}
	return text
}

func (r Rights) text() string {
	user := fmt.Sprintf("user id %d", r.UserID)
	held, lacking := r.names()
	switch {
	case !r.Known:
		return "unknown, of " + user
	case len(held) == 0:
		return user + " without " + enumerate(lacking)
	case len(lacking) == 0:
		return user + " with " + enumerate(held)
	}
	return user + " with " + enumerate(held) + ", without " + enumerate(lacking)
}

func (l Leases) text() string {
	if l.Directory == "" {
		return "none are kept"
	}
	if l.Error != "" {
		return l.Directory + " cannot be used"
	}
	var parts []string
	holders := make([]string, 0, len(l.Held))
	for _, lease := range l.Held {
		holders = append(holders, lease.text())
	}
	if len(holders) > 0 {
		parts = append(parts, "held by "+enumerate(holders))
	}
	if n := len(l.Stale); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of killed plugins", n))
	}
	if l.Void > 0 {
		parts = append(parts, fmt.Sprintf("%d that claim nothing", l.Void))
	}
	if len(parts) == 0 {
		return "none in " + l.Directory
	}
	return strings.Join(parts, "; ") + ", in " + l.Directory
}

// enumerate joins words as a sentence does.
func enumerate(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// plural puts a number in front of a thing, and an s behind it where it takes one.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func kib(bytes int) string { return fmt.Sprintf("%d KiB", bytes>>10) }
