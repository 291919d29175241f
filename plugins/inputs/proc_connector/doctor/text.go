package doctor

import (
	"fmt"
	"io"
	"strings"
)

const (
	// textWidth is how long a line of text may be, textIndent what is in front of
	// each, for the label.
	textWidth  = 100
	textIndent = 9
	// maxListed is how many programs are named.
	maxListed = 6
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
	release := "of an unknown release"
	if k.Release != "" {
		release = k.Release
	}
	switch k.Rules {
	case EachRequest:
		return "Linux " + release + ": a repeated LISTEN or IGNORE counts again; sending them needs CAP_NET_ADMIN"
	case EachChange:
		return "Linux " + release + ": a repeated LISTEN or IGNORE does not count; any user may send them"
	default:
		return "Linux " + release
	}
}

func (r *Report) membersText() string {
	if len(r.Members) == 0 {
		return "no other program is in the connector's group"
	}
	text := listing(r.Members)
	if r.Connector.Crowd {
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
			program := p.text()
			if sockets[program] == 0 {
				programs = append(programs, program)
			}
			sockets[program]++
		}
	}
	more := max(0, len(programs)-maxListed)
	programs = programs[:len(programs)-more]
	for i, program := range programs {
		if n := sockets[program]; n > 1 {
			programs[i] = fmt.Sprintf("%s with %d sockets", program, n)
		}
	}
	if more > 0 {
		programs = append(programs, fmt.Sprintf("%d more", more))
	}
	if unknown > 0 {
		programs = append(programs, "an unknown process")
	}
	if unknown > 1 {
		programs[len(programs)-1] = fmt.Sprintf("unknown processes with %d sockets", unknown)
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
	text := fmt.Sprintf("%d KiB granted of %d KiB wanted", b.Granted>>10, b.Wanted>>10)
	if b.Limit > 0 {
		text += fmt.Sprintf("; without CAP_NET_ADMIN the limit is %d KiB", b.Limit>>10)
	}
	return text
}

func (r Rights) text() string {
	if !r.Known {
		return fmt.Sprintf("unknown, of user id %d", r.UserID)
	}
	var has, lacks []string
	for _, c := range []struct {
		name string
		has  bool
	}{{"CAP_NET_ADMIN", r.NetAdmin}, {"CAP_SYS_PTRACE", r.SysPtrace}, {"CAP_SYS_NICE", r.SysNice}} {
		if c.has {
			has = append(has, c.name)
		} else {
			lacks = append(lacks, c.name)
		}
	}
	text := fmt.Sprintf("user id %d with %s", r.UserID, enumerate(has))
	if len(has) == 0 {
		return fmt.Sprintf("user id %d without %s", r.UserID, enumerate(lacks))
	}
	if len(lacks) > 0 {
		text += ", without " + enumerate(lacks)
	}
	return text
}

func (l Leases) text() string {
	if l.Directory == "" {
		return "none are kept"
	}
	if l.Error != "" {
		return l.Directory + " cannot be used"
	}
	var parts []string
	if len(l.Held) > 0 {
		holders := make([]string, 0, len(l.Held))
		for _, lease := range l.Held {
			holders = append(holders, lease.text())
		}
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
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// plural puts a number in front of a thing, and an s behind it where it takes one.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
