//go:build !linux

package cnproc

import "time"

const batchLen = 64

func hostSystem(string) system {
	return system{
		dial:     func() (socket, error) { return nil, ErrNotLinux },
		obstacle: func() error { return nil },
	}
}

func refusal(uint32) error { return ErrNotLinux }

func monotonicNow() int64 { return time.Now().UnixNano() }
