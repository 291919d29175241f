/*
 * The floor: what it costs to take process events from the kernel and to do
 * nothing with them. No receiver can do with less, so it is what the others are
 * measured against.
 *
 * It counts messages until SIGTERM, sends its IGNORE, and prints what it got and
 * what the kernel could not queue.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	batch = 64,          /* messages a call */
	message = 256,       /* more than any event */
	buffer = 32 << 20,   /* of the socket, the plugin's default */
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void request(int fd, enum proc_cn_mcast_op op)
{
	struct {
		struct nlmsghdr header;
		struct cn_msg message;
		enum proc_cn_mcast_op op;
	} __attribute__((packed)) r = {
		.header = { .nlmsg_len = sizeof(r), .nlmsg_type = NLMSG_DONE },
		.message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(op) },
		.op = op,
	};
	if (send(fd, &r, sizeof(r), 0) != sizeof(r))
		fail("send");
}

int main(void)
{
	static char bytes[batch][message];
	struct mmsghdr messages[batch];
	struct iovec iov[batch];
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	/* A signal that comes just before the call does not interrupt it. */
	struct timeval limit = { .tv_sec = 1 };
	struct sigaction action = { .sa_handler = end };
	int on = 1, size = buffer;
	unsigned long long received = 0;
	__u32 info[SK_MEMINFO_VARS];
	socklen_t len = sizeof(info);

	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		fail("SO_RCVBUFFORCE");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &on, sizeof(on)))
		fail("NETLINK_NO_ENOBUFS");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		fail("SO_RCVTIMEO");
	if (bind(fd, (struct sockaddr *)&group, sizeof(group)))
		fail("bind");
	if (sigaction(SIGTERM, &action, NULL))
		fail("sigaction");

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < batch; i++) {
		iov[i] = (struct iovec){ bytes[i], message };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	request(fd, PROC_CN_MCAST_LISTEN);
	while (!ended) {
		int n = recvmmsg(fd, messages, batch, MSG_WAITFORONE, NULL);
		if (n > 0)
			received += n;
		else if (errno != EINTR && errno != EAGAIN)
			fail("recvmmsg");
	}
	request(fd, PROC_CN_MCAST_IGNORE);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len))
		fail("SO_MEMINFO");
	printf("received %llu\nlost %u\n", received, info[SK_MEMINFO_DROPS]);
	return 0;
}
