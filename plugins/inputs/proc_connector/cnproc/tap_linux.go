package cnproc

import (
	"errors"

	"golang.org/x/net/bpf"
)

// OpenTap joins the group as a member that sends no LISTEN.
//
// Errors are *OpError with the reasons of Open that a socket can have:
// ErrNoConnector, ErrNetlinkDenied, ErrTimeNamespace and ErrPermission (errors.Is).
func OpenTap(cfg TapConfig) (*Tap, error) {
	sock, err := dialPassive()
	if err != nil {
		return nil, &OpError{Op: "dial", Err: err}
	}
	if op, err := sock.tap(cfg); err != nil {
		return nil, &OpError{Op: op, Err: errors.Join(err, sock.close())}
	}
	return &Tap{sock: sock}, nil
}

// tap makes a socket that of a tap. It returns the step that failed.
func (s *netlinkSocket) tap(cfg TapConfig) (op string, err error) {
	filter, err := bpf.Assemble(tapFilter(cfg.What, cfg.CPUs))
	if err != nil {
		return "attach filter", err
	}
	return s.hear(filter, cfg.ReceiveBuffer)
}

// hear joins the group with everything in place before the first event. It returns
// the step that failed.
func (s *netlinkSocket) hear(filter []bpf.RawInstruction, receiveBuffer int) (op string, err error) {
	if err := s.setFilter(filter); err != nil {
		return "attach filter", err
	}
	if _, err := s.setReceiveBuffer(receiveBuffer); err != nil {
		return "size buffer", err
	}
	_, err = s.join()
	return "join", err
}

func (s *netlinkSocket) descriptor() int { return s.fd }
