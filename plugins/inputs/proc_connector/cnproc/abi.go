package cnproc

import "encoding/binary"

// The kernel's interface, in the byte order of the host.

const (
	// include/uapi/linux/netlink.h
	//	#define NETLINK_CONNECTOR 11
	//	#define NLMSG_DONE 0x3
	netlinkConnector = 11
	nlmsgDone        = 3

	// include/uapi/linux/connector.h
	//	#define CN_IDX_PROC 0x1
	//	#define CN_VAL_PROC 0x1
	cnIdxProc = 1
	cnValProc = 1

	// include/uapi/linux/cn_proc.h
	//	enum proc_cn_mcast_op { PROC_CN_MCAST_LISTEN = 1, PROC_CN_MCAST_IGNORE = 2 };
	opListen = 1
	opIgnore = 2
	// No operation has this number. cn_proc_mcast_ctl does nothing with it, but
	// from Linux 6.6 on remembers it as the socket's previous operation.
	opNone = 0
)

// The layout of a datagram, with offsets from its start:
//
//	struct nlmsghdr {                      // include/uapi/linux/netlink.h
//		__u32 nlmsg_len;               //  0
//		__u16 nlmsg_type, nlmsg_flags; //  4
//		__u32 nlmsg_seq, nlmsg_pid;    //  8
//	};
//	struct cn_msg {                        // include/uapi/linux/connector.h
//		struct { __u32 idx, val; } id; // 16
//		__u32 seq, ack;                // 24
//		__u16 len, flags;              // 32
//	};
//	struct proc_event {                    // include/uapi/linux/cn_proc.h
//		__u32 what, cpu;               // 36
//		__u64 timestamp_ns;            // 44
//		union {                        // 52
//			struct { __u32 err; } ack;
//			struct { pid_t parent_pid, parent_tgid, child_pid, child_tgid; } fork;
//			struct { pid_t process_pid, process_tgid; } exec, sid;
//			struct { pid_t process_pid, process_tgid; __u32 ruid, euid; } id; // or rgid, egid
//			struct { pid_t process_pid, process_tgid, tracer_pid, tracer_tgid; } ptrace;
//			struct { pid_t process_pid, process_tgid; char comm[16]; } comm;
//			struct { pid_t process_pid, process_tgid, parent_pid, parent_tgid; } coredump;
//			struct {
//				pid_t process_pid, process_tgid;
//				__u32 exit_code, exit_signal;
//				pid_t parent_pid, parent_tgid; // since Linux 4.18
//			} exit;
//		} event_data;
//	};
const (
	offIdx       = 16
	offVal       = 20
	offAck       = 28
	offLen       = 32
	offWhat      = offData
	offCPU       = 40
	offTimestamp = 44

	offData  = 36 // what cn_msg.len counts from
	offEvent = 52 // the union

	datagramLen = offEvent + 24 // as current kernels send it

	// slotLen is the space for one datagram: three times what kernels send, so
	// that a longer event of a future one is still whole.
	slotLen = 256

	// CommLen is the size of a thread's name in bytes, a NUL at its end included.
	//
	// include/linux/sched.h
	//	#define TASK_COMM_LEN 16
	CommLen = 16
)

// newRequest makes a LISTEN or IGNORE, which the kernel acknowledges with ack+1. The longer
// form with an event mask (struct proc_input) is dropped without a word before Linux 6.6.
func newRequest(op, ack uint32) []byte {
	const opLen = 4
	order := binary.NativeEndian
	b := order.AppendUint32(make([]byte, 0, offData+opLen), offData+opLen)
	b = order.AppendUint16(b, nlmsgDone)
	b = append(b, make([]byte, 2+4+4)...) // nlmsg_flags, _seq and _pid, which the kernel takes from the socket
	b = order.AppendUint32(b, cnIdxProc)
	b = order.AppendUint32(b, cnValProc)
	b = order.AppendUint32(b, 0) // seq: not returned, the kernel puts its own in
	b = order.AppendUint32(b, ack)
	b = order.AppendUint16(b, opLen)
	b = order.AppendUint16(b, 0) // flags
	return order.AppendUint32(b, op)
}
