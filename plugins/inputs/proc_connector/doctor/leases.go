package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/plugins/inputs/proc_connector/cnproc"
)

// Leases are what the plugins of a machine have noted down about their LISTENs.
type Leases struct {
	Directory string `json:"directory"`
	// Held are those of plugins that run, Stale those of killed ones: LISTENs that the kernel
	// may still count.
	Held  []Lease `json:"held"`
	Stale []Lease `json:"stale"`
	Void  int     `json:"void"`            // how many claim nothing: of an earlier boot, or not whole
	Error string  `json:"error,omitempty"` // why no leases can be kept there
}

// A Lease is one file of them, and the process that wrote it.
type Lease struct {
	File    string `json:"file"`
	Process        // without a name when it has ended
}

func (p proc) leases(dir string) Leases {
	l := Leases{Directory: dir, Held: make([]Lease, 0), Stale: make([]Lease, 0)}
	if dir == "" {
		return l
	}
	all, err := cnproc.Leases(dir)
	if err == nil {
		err = creatable(dir)
	}
	boot, bootErr := cnproc.BootID(string(p))
	if l.Error = oneLine(errors.Join(err, bootErr)); l.Error != "" {
		return l
	}
	slices.SortFunc(all, func(a, b cnproc.Lease) int { return strings.Compare(a.Name, b.Name) })
	for _, lease := range all {
		found := Lease{File: lease.Name, Process: Process{PID: lease.PID}}
		switch {
		case lease.Held:
			found.Name = p.name(lease.PID)
			l.Held = append(l.Held, found)
		case lease.Boot == boot:
			l.Stale = append(l.Stale, found)
		default:
			l.Void++
		}
	}
	return l
}

// creatable reports why a directory that is not there could not be made either.
func creatable(dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		err := unix.Faccessat(unix.AT_FDCWD, parent, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if errors.Is(err, fs.ErrNotExist) && parent != filepath.Dir(parent) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s is not there and cannot be made: %s: %w", dir, parent, err)
		}
		return nil
	}
}
