package bench

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// A Receiver is a program that is compared with others.
type Receiver struct {
	Key  string // for RECEIVERS=
	Name string // in the table
	kind kind
	// optional ones run only when they are asked for.
	optional bool
	// lines says that it has command lines to show, so that storms of exec are of
	// interest. What others make of these events, the storm of forks tells.
	lines bool
}

// A kind knows how to run a receiver, and how to read what it prints.
type kind interface {
	command(ctx context.Context, p *Programs, s *Storm, dir string) (*exec.Cmd, error)
	// tally says what became of the storm's events, from all that was printed.
	tally(s *Storm, printed string) (*tally, error)
}

// A tally is what a receiver says of a storm. What it does not say is unknown.
type tally struct {
	events  int // of the kinds that the storm is made of
	lost    int
	mallocs int
	texts   map[string]bool // command lines
	stopped string          // why it received no more

	// Of the plugin only.
	reports    int
	heard      int // events of all kinds and of all processes
	unresolved int
	dropped    int
	gone       map[int]int // process ids of metrics without a command line
	gones      int
}

const unknown = -1

func newTally() *tally {
	return &tally{events: unknown, lost: unknown, mallocs: unknown, texts: make(map[string]bool), gone: make(map[int]int)}
}

// scheduling is the option that says how the threads that read /proc are run.
const scheduling = "scheduling"

// All receivers. The variants of the plugin differ in their options; one that
// needs an option that this plugin does not have is left out.
var receivers = []Receiver{
	{Key: "floor", Name: "recvmmsg in C, counts only (the floor)", kind: counter{program: func(p *Programs) string { return p.floor }, any: true}},
	{Key: "mdlayher", Name: "mdlayher/netlink, Receive", kind: counter{program: func(p *Programs) string { return p.mdlayher }}},
	{Key: "vishvananda", Name: "vishvananda/netlink, ProcEventMonitor", kind: counter{program: func(p *Programs) string { return p.vishvananda }}},
	{Key: "forkstat", Name: "forkstat", kind: forkstat{}, lines: true},
	{Key: "forkstat-r", Name: "forkstat -r", kind: forkstat{args: []string{"-r"}}, lines: true},
	{Key: "plugin", Name: "**this plugin**", kind: pluginKind{}, lines: true},
	{Key: "plugin-normal", Name: "this plugin, `scheduling = \"normal\"`", kind: pluginKind{scheduling: "normal"}, lines: true},
	{Key: "plugin-nice", Name: "this plugin, `scheduling = \"nice\"`", kind: pluginKind{scheduling: "nice"}, lines: true, optional: true},
}

// Keys of the receivers that the findings are about.
const (
	floorKey    = "floor"
	pluginKey   = "plugin"
	rivalKey    = "forkstat-r"
	ordinaryKey = "plugin-normal"
)

func receiver(key string) *Receiver {
	i := slices.IndexFunc(receivers, func(r Receiver) bool { return r.Key == key })
	return &receivers[i]
}

// joins reports whether a receiver takes part in a storm.
func (r *Receiver) joins(s *Storm) bool { return r.lines || !s.execs() }

// pluginKind is the plugin as execd runs it: with its default options, except
// that no command line is left out for being one too many.
type pluginKind struct {
	scheduling string
	options    string
}

func (k pluginKind) config(s *Storm) string {
	config := k.options
	if s.execs() {
		config += "event_limit = 0\n"
	}
	if k.scheduling != "" {
		config += scheduling + " = \"" + k.scheduling + "\"\n"
	}
	return config
}

func (k pluginKind) command(ctx context.Context, p *Programs, s *Storm, dir string) (*exec.Cmd, error) {
	args := []string{"--poll-interval", "0"}
	if config := k.config(s); config != "" {
		path := filepath.Join(dir, "plugin.conf")
		if err := os.WriteFile(path, []byte("[[inputs.proc_connector]]\n"+config), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--config", path)
	}
	cmd := exec.CommandContext(ctx, p.plugin, args...)
	// Leases of its own, so that it gives nothing back that the machine's has left.
	cmd.Env = append(os.Environ(), "RUNTIME_DIRECTORY="+filepath.Join(dir, "state"))
	return cmd, nil
}
