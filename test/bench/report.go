package bench

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes everything as a table, with what is needed to read it.
func (r *Result) Markdown(w io.Writer) error {
	var out strings.Builder
	m := r.machine
	fmt.Fprintf(&out, "Measured on %s, Linux %s, %d × %s: %s. Took %s.\n", r.began.UTC().Format(time.DateOnly), m.kernel, m.processors, m.processor,
		strings.Join(m.versions, ", "), r.took.Round(time.Second))
	for _, left := range r.left {
		fmt.Fprintf(&out, "Left out: %s.\n", left)
	}
	if len(r.runs) > 0 {
		r.writeRuns(&out)
	}
	if len(r.costs) > 0 {
		r.writeCosts(&out)
	}
	if len(r.rates) > 0 {
		writeRates(&out, r.rates)
	}
	if len(r.idle) > 0 {
		writeIdle(&out, r.idle)
	}
	if r.scale != nil {
		r.scale.write(&out)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (r *Result) writeRuns(out *strings.Builder) {
	fmt.Fprintf(out, "\nMedians of %d rounds (%d with all processors busy), the worst round in brackets.\n\n", r.options.Rounds, r.busy)
	writeRow(out, "storm", "receiver", "events sent", "kept", "lost", "CPU s a million kept", "of the floor", "peak RSS MiB", "allocations an event",
		"command lines caught", "others' CPUs")
	writeRow(out, "---", "---", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:")
	var last string
	for _, run := range r.runs {
		name := run.storm.Name
		if run.busy {
			name += ", all processors busy"
		}
		shown := name
		if name == last {
			shown = ""
		}
		last = name
		writeRow(out, append([]string{shown}, r.cells(run)...)...)
	}
	out.WriteString("\nCPU is of the receiving process alone, user and system, from its clock in nanoseconds. " +
		"Lost is what the receiver did not get, and exact for the floor and the plugin. " +
		"Allocations are those of the Go programs that say so; what the plugin allocates, make bench-micro tells. " +
		"Others' CPUs are processors that were busy with anything else meanwhile.\n")
	for _, note := range r.notes() {
		fmt.Fprintf(out, "%s\n", note)
	}
}

func (r *Result) cells(run *runs) []string {
	const none = "–"
	cells := []string{
		run.receiver.Name,
		thousands(run.median(sent)),
		percent(share(int(run.median(kept)), int(run.median(sent)))),
		fmt.Sprintf("%s (%s)", thousands(run.median(lost)), thousands(run.max(lost))),
		fmt.Sprintf("%.2f (%.2f)", run.median(perMillion), run.max(perMillion)),
		none,
		fmt.Sprintf("%.1f", run.median(peak)/(1<<20)),
		none, none, none,
	}
	if run.unasked() {
		// It gets none of these events, so its time is not divided by them.
		cells[2], cells[3] = none, none
		cells[4] = fmt.Sprintf("%.2f %% of the storm's own, for %s other events", 100*run.median(portion), thousands(run.median(heard)))
	} else if floor := r.find(floorKey, run.storm.Key, run.busy); floor != nil && floor.median(perMillion) > 0 {
		cells[5] = fmt.Sprintf("%.2f ×", run.median(perMillion)/floor.median(perMillion))
	}
	if n := run.median(allocations); n >= 0 {
		cells[7] = fmt.Sprintf("%.1f", n)
	}
	if run.storm.execs() {
		cells[8] = fmt.Sprintf("%s (%s)", percent(run.caught()), percent(run.worst()))
	}
	if !run.busy {
		cells[9] = fmt.Sprintf("%.2f (%.2f)", run.median(others), run.max(others))
	}
	return cells
}

// unasked reports whether the receiver keeps events of this storm away from
// itself.
func (r *runs) unasked() bool {
	_, ok := r.receiver.kind.(pluginKind)
	return ok && r.storm.ofThreads()
}

// notes are what does not fit into a table.
func (r *Result) notes() []string {
	var notes []string
	noted := make(map[string]bool)
	note := func(text string) {
		if !noted[text] {
			noted[text] = true
			notes = append(notes, "- "+text)
		}
	}
	for _, run := range r.runs {
		for _, s := range run.samples {
			if s.left > 0 {
				note(fmt.Sprintf("%s leaves the kernel's count of listeners %d too high when it is told to end.", run.receiver.Name, s.left))
			}
			if s.stopped != "" {
				note(fmt.Sprintf("%s stopped receiving: %s.", run.receiver.Name, s.stopped))
			}
		}
	}
	if len(notes) > 0 {
		notes[0] = "\n" + notes[0]
	}
	return notes
}

func writeRow(out *strings.Builder, cells ...string) {
	fmt.Fprintf(out, "| %s |\n", strings.Join(cells, " | "))
}

// percent shows as many digits as it takes to tell a share from all.
func percent(share float64) string {
	switch {
	case share == 1:
		return "100 %"
	case share > 0.9999:
		return "99.99 %" // and not the whole
	default:
		return fmt.Sprintf("%.2f %%", 100*share)
	}
}

func thousands(n float64) string {
	text := fmt.Sprintf("%.0f", n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
