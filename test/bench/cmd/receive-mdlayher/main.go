// Command receive-mdlayher receives process events as one does with
// github.com/mdlayher/netlink: Receive, over and over.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/proc-connector/telegraf-proc-connector/test/bench/internal/peer"
)

// #define CN_IDX_PROC 0x1, CN_VAL_PROC 0x1; enum proc_cn_mcast_op
const (
	cnIdxProc, cnValProc = 1, 1
	listen, ignore       = 1, 2
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	conn, err := netlink.Dial(unix.NETLINK_CONNECTOR, &netlink.Config{Groups: cnIdxProc})
	if err != nil {
		return err
	}
	if err := request(conn, listen); err != nil {
		return err
	}
	var tally peer.Tally
	go func() {
		for {
			messages, err := conn.Receive()
			switch {
			case errors.Is(err, unix.ENOBUFS):
				continue // events were lost; further ones are not
			case err != nil:
				tally.Stopped(err)
				return
			}
			for i := range messages {
				tally.Message(messages[i].Data)
			}
		}
	}()
	return tally.Wait(func() error { return request(conn, ignore) })
}

func request(conn *netlink.Conn, op uint32) error {
	ne := binary.NativeEndian
	b := ne.AppendUint32(nil, cnIdxProc) // cn_msg: id.idx
	b = ne.AppendUint32(b, cnValProc)    // id.val
	b = ne.AppendUint64(b, 0)            // seq, ack
	b = ne.AppendUint16(b, 4)            // len
	b = ne.AppendUint16(b, 0)            // flags
	b = ne.AppendUint32(b, op)
	_, err := conn.Send(netlink.Message{Header: netlink.Header{Type: netlink.Done}, Data: b})
	return err
}
