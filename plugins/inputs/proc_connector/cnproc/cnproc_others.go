//go:build !linux

package cnproc

import (
	"io/fs"
	"os"
	"time"
)

const batchLen = 64

func hostSystem(string) system {
	return system{
		dial:        func() (socket, error) { return nil, ErrNotLinux },
		dialPassive: func() (socket, error) { return nil, ErrNotLinux },
		obstacle:    func() error { return nil },
		rename:      func() (Task, error) { return Task{}, ErrNotLinux },
		members:     func() ([]Member, bool, error) { return nil, false, ErrNotLinux },
		bootID:      func() (string, error) { return "", ErrNotLinux },
		flock:       func(*os.File) (bool, error) { return false, ErrNotLinux },
	}
}

// OpenTap fails with ErrNotLinux.
func OpenTap(TapConfig) (*Tap, error) { return nil, &OpError{Op: "dial", Err: ErrNotLinux} }

func refusal(uint32) error { return ErrNotLinux }

// EventTime returns its argument.
func EventTime(monotonic uint64) uint64 { return monotonic }

func monotonicNow() int64 { return time.Now().UnixNano() }

func owner(fs.FileInfo) int { return -1 }

func links(fs.FileInfo) uint64 { return 0 }

func inode(fs.FileInfo) uint64 { return 0 }
