// Package truecount reads proc_event_num_listeners, the kernel's count of
// process connector listeners, from kernel memory.
//
// The kernel offers no interface to that count, yet it is the one thing that
// decides whether any program on the machine hears anything. Tests that claim
// to leave it as they found it must therefore look at the variable itself, and
// not at what some socket received.
//
// The variable is a static atomic_t in drivers/connector/cn_proc.c. Two ways
// lead to it:
//
//   - kcore: where the kernel lists data symbols in /proc/kallsyms
//     (CONFIG_KALLSYMS_ALL) and has /proc/kcore (CONFIG_PROC_KCORE,
//     fs/proc/kcore.c), the address comes from the first and the value from the
//     second.
//   - bpf: elsewhere, a BPF program that is run on demand reads kernel memory
//     (bpf_prog_test_run_raw_tp in net/bpf/test_run.c, bpf_probe_read_kernel in
//     kernel/trace/bpf_trace.c). The address is the operand of the first test
//     in proc_exec_connector, which returns at once while nobody listens. This
//     way knows amd64 machine code only.
package truecount
