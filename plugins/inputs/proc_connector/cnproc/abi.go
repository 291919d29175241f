package cnproc

import "encoding/binary"

// Constants and layouts of the kernel's interface. All numbers are in the
// byte order of the host.

const (
	// include/uapi/linux/netlink.h
	//	#define NETLINK_CONNECTOR 11
	netlinkConnector = 11

	//	#define NLMSG_DONE 0x3
	nlmsgDone = 3

	// include/uapi/linux/connector.h
	//	#define CN_IDX_PROC 0x1
	//	#define CN_VAL_PROC 0x1
	cnIdxProc = 1
	cnValProc = 1

	// include/uapi/linux/cn_proc.h
	//	enum proc_cn_mcast_op {
	//		PROC_CN_MCAST_LISTEN = 1,
	//		PROC_CN_MCAST_IGNORE = 2
	//	};
	opListen = 1
	opIgnore = 2
	// No operation has this number. cn_proc_mcast_ctl does nothing with it, but
	// from Linux 6.6 on remembers it as the socket's previous operation.
	opNone = 0
)

// What is the type of an event.
//
// include/uapi/linux/cn_proc.h
//
//	enum proc_cn_event {
//		PROC_EVENT_NONE = 0x00000000,
//		...
//	};
type What uint32

// The nine event types, and WhatNone, which marks the acknowledgement of a
// LISTEN or IGNORE.
const (
	WhatNone     What = 0x00000000 // PROC_EVENT_NONE
	WhatFork     What = 0x00000001 // PROC_EVENT_FORK
	WhatExec     What = 0x00000002 // PROC_EVENT_EXEC
	WhatUID      What = 0x00000004 // PROC_EVENT_UID
	WhatGID      What = 0x00000040 // PROC_EVENT_GID
	WhatSID      What = 0x00000080 // PROC_EVENT_SID
	WhatPtrace   What = 0x00000100 // PROC_EVENT_PTRACE
	WhatComm     What = 0x00000200 // PROC_EVENT_COMM
	WhatCoredump What = 0x40000000 // PROC_EVENT_COREDUMP
	WhatExit     What = 0x80000000 // PROC_EVENT_EXIT
)

const (
	// include/uapi/linux/netlink.h
	//	struct nlmsghdr {
	//		__u32 nlmsg_len;	/* offset  0 */
	//		__u16 nlmsg_type;	/* offset  4 */
	//		__u16 nlmsg_flags;	/* offset  6 */
	//		__u32 nlmsg_seq;	/* offset  8 */
	//		__u32 nlmsg_pid;	/* offset 12 */
	//	};
	nlmsghdrLen = 16

	// include/uapi/linux/connector.h
	//	struct cb_id { __u32 idx; __u32 val; };
	//	struct cn_msg {
	//		struct cb_id id;	/* offset 16 and 20 of the datagram */
	//		__u32 seq;		/* offset 24 */
	//		__u32 ack;		/* offset 28 */
	//		__u16 len;		/* offset 32 */
	//		__u16 flags;		/* offset 34 */
	//		__u8 data[];
	//	};
	cnMsgLen = 20

	offIdx  = 16
	offVal  = 20
	offAck  = 28
	offLen  = 32
	offData = nlmsghdrLen + cnMsgLen

	// include/uapi/linux/cn_proc.h
	//	struct proc_event {
	//		enum proc_cn_event what;			/* offset 36 of the datagram */
	//		__u32 cpu;					/* offset 40 */
	//		__u64 __attribute__((aligned(8))) timestamp_ns;	/* offset 44 */
	//		union {						/* offset 52 */
	//			struct { __u32 err; } ack;
	//			struct fork_proc_event {
	//				__kernel_pid_t parent_pid;
	//				__kernel_pid_t parent_tgid;
	//				__kernel_pid_t child_pid;
	//				__kernel_pid_t child_tgid;
	//			} fork;
	//			struct exec_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//			} exec;
	//			struct id_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//				union { __u32 ruid; __u32 rgid; } r;
	//				union { __u32 euid; __u32 egid; } e;
	//			} id;
	//			struct sid_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//			} sid;
	//			struct ptrace_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//				__kernel_pid_t tracer_pid;
	//				__kernel_pid_t tracer_tgid;
	//			} ptrace;
	//			struct comm_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//				char comm[16];
	//			} comm;
	//			struct coredump_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//				__kernel_pid_t parent_pid;
	//				__kernel_pid_t parent_tgid;
	//			} coredump;
	//			struct exit_proc_event {
	//				__kernel_pid_t process_pid;
	//				__kernel_pid_t process_tgid;
	//				__u32 exit_code, exit_signal;
	//				__kernel_pid_t parent_pid;
	//				__kernel_pid_t parent_tgid;
	//			} exit;
	//		} event_data;
	//	};
	offWhat      = offData
	offCPU       = offData + 4
	offTimestamp = offData + 8
	offEvent     = offData + 16

	// The union is 24 bytes on every kernel that has exit's parent (4.18 and
	// later) and 16 before; what an event needs of it is checked one by one.
	unionLen = 24

	// A datagram as current kernels send it.
	datagramLen = offEvent + unionLen

	// slotLen is the space for one datagram: three times what kernels send, so
	// that a longer event of a future one is still whole.
	slotLen = 256

	// CommLen is the size of a thread's name in bytes, a NUL at its end included.
	//
	// include/linux/sched.h
	//	#define TASK_COMM_LEN 16
	CommLen = 16
)

// appendRequest appends a LISTEN or IGNORE request to b: nlmsghdr, cn_msg and
// the 4-byte operation, 40 bytes in all. The longer form with an event mask
// (struct proc_input) is dropped without a word by kernels before 6.6.
//
// The kernel answers with ack+1 in cn_msg.ack of the acknowledgement, which is
// how a sender tells its own from everybody else's.
func appendRequest(b []byte, op, ack uint32) []byte {
	const opLen = 4
	order := binary.NativeEndian

	b = order.AppendUint32(b, nlmsghdrLen+cnMsgLen+opLen)
	b = order.AppendUint16(b, nlmsgDone)
	b = order.AppendUint16(b, 0) // nlmsg_flags
	b = order.AppendUint32(b, 0) // nlmsg_seq
	b = order.AppendUint32(b, 0) // nlmsg_pid: the kernel takes it from the socket

	b = order.AppendUint32(b, cnIdxProc)
	b = order.AppendUint32(b, cnValProc)
	b = order.AppendUint32(b, 0) // seq: not returned, the kernel puts its own in
	b = order.AppendUint32(b, ack)
	b = order.AppendUint16(b, opLen)
	b = order.AppendUint16(b, 0) // flags

	return order.AppendUint32(b, op)
}
