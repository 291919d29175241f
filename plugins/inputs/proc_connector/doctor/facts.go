package doctor

import (
	"errors"
	"strings"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// Facts are what was found, before anybody judges it. What could not be found out
// is empty.
type Facts struct {
	Kernel    Kernel    `json:"kernel"`
	Connector Connector `json:"connector"`
	Members   []Member  `json:"members"`
	Rights    Rights    `json:"rights"`
	Buffer    Buffer    `json:"receive_buffer"`
	Leases    Leases    `json:"leases"`
	// Isolated is that of Options.
	Isolated string `json:"isolated_cpus,omitempty"`
}

// A Connector is what listening to it for a moment has shown.
type Connector struct {
	// Examined says that it could be listened to. Otherwise Error says why not,
	// and nothing else here means anything.
	Examined bool   `json:"examined"`
	Error    string `json:"error,omitempty"`
	// HeardBefore says that the kernel reported events before this program had
	// sent a LISTEN: its count of listeners was one or more.
	HeardBefore bool `json:"heard_before_listen"`
	// Heard says that it did afterwards.
	Heard bool `json:"heard"`
	// Missing is how far the count was below zero, -1 if that is further than could
	// be counted in two seconds.
	Missing int `json:"missing_listens"`
	// Silenced says that the kernel reported nothing although this program had sent
	// LISTEN: the count is too low, for whatever program.
	Silenced bool `json:"silenced"`
	// Crowd says that there are more sockets than can be listed.
	Crowd bool `json:"crowd"`
	// Repair is the option: whether the plugin would repair that.
	Repair bool `json:"plugin_repairs"`

	err error
}

// A Buffer is the size of the queue of events, in bytes.
type Buffer struct {
	Wanted  int `json:"wanted_bytes"`
	Granted int `json:"granted_bytes"`
	Limit   int `json:"rmem_max_bytes"` // for those without CAP_NET_ADMIN
}

// gather leaves everything as it is.
func gather(cfg cnproc.Config) Facts {
	if cfg.ReceiveBuffer == 0 {
		cfg.ReceiveBuffer = cnproc.DefaultReceiveBuffer
	}
	p := proc(cfg.Proc)
	f := Facts{
		Kernel: p.kernel(),
		Rights: p.rights(),
		Buffer: Buffer{Wanted: cfg.ReceiveBuffer, Limit: p.number("sys/net/core/rmem_max")},
		Leases: p.leases(cfg.StateDirectory),
	}
	e, err := cnproc.Examine(cfg)
	f.Buffer.Granted = e.ReceiveBuffer
	f.Members = p.members(e.Others)
	f.Connector = Connector{
		Examined:    err == nil,
		HeardBefore: e.HeardBefore,
		Heard:       e.Heard,
		Missing:     e.Missing,
		Silenced:    err == nil && !e.Heard,
		Crowd:       e.Crowd,
		Repair:      cfg.Repair,
		err:         err,
	}
	if err != nil {
		f.Connector.Error = oneLine(err)
	}
	return f
}

// oneLine is the text of an error, which may be that of several.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// namespaces lists those in which this process is not with the host.
func (c *Connector) namespaces() []namespace {
	var foreign []namespace
	for _, ns := range []namespace{
		{cnproc.ErrNetworkNamespace, "network", "--network=host", "hostNetwork: true"},
		{cnproc.ErrPIDNamespace, "pid", "--pid=host", "hostPID: true"},
		{cnproc.ErrUserNamespace, "user", "--userns=host", "hostUsers: true"},
	} {
		if errors.Is(c.err, ns.err) {
			foreign = append(foreign, ns)
		}
	}
	return foreign
}

// A namespace is one that a container may have of its own, and how it gets the
// host's from docker or podman and from Kubernetes.
type namespace struct {
	err                 error
	name, option, field string
}
