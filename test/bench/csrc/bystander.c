/*
 * Ordinary work that has nothing to do with process events, and pays for those
 * who do: one thread on each processor, of ordinary priority.
 *
 *   bystander count     counts as fast as it can
 *   bystander wake      sleeps a millisecond, over and over, and notes how late it wakes up
 *
 * Until SIGTERM; then it prints what it got done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	period = 1000000,  /* nanoseconds from one wake-up to the next */
	slots = 100000,    /* of a microsecond, in the histogram of delays */
};

static volatile int ended;
static int (*works)(void *);

struct worker {
	pthread_t thread;
	int cpu;
	unsigned long long done; /* rounds of work */
	long long latest;        /* longest delay, nanoseconds */
	unsigned *delays;        /* histogram, microseconds */
};

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int count(void *arg)
{
	struct worker *w = arg;
	volatile unsigned x = 1;
	while (!ended) {
		for (int i = 0; i < 1000; i++)
			x = x * 1664525 + 1013904223;
		w->done++;
	}
	return 0;
}

static int wake(void *arg)
{
	struct worker *w = arg;
	long long next = now();
	while (!ended) {
		next += period;
		struct timespec t = { next / 1000000000, next % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		long long late = now() - next;
		if (late > w->latest)
			w->latest = late;
		w->delays[late / 1000 < slots ? late / 1000 : slots - 1]++;
		w->done++;
		/* What was slept over is not made up for: it would count as late again. */
		if (late > period)
			next = now();
	}
	return 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	cpu_set_t only;
	CPU_ZERO(&only);
	CPU_SET(w->cpu, &only);
	if ((errno = pthread_setaffinity_np(pthread_self(), sizeof(only), &only)))
		fail("pthread_setaffinity_np");
	works(w);
	return NULL;
}

/* within is the delay that a share of all wake-ups kept to, in microseconds. */
static int within(struct worker *workers, int n, unsigned long long all, double share)
{
	unsigned long long sum = 0;
	for (int us = 0; us < slots; us++) {
		for (int i = 0; i < n; i++)
			sum += workers[i].delays[us];
		if (sum >= share * all)
			return us;
	}
	return slots;
}

int main(int argc, char **argv)
{
	cpu_set_t allowed;
	sigset_t term;
	int n = 0, sig;

	if (argc == 2 && !strcmp(argv[1], "count"))
		works = count;
	else if (argc == 2 && !strcmp(argv[1], "wake"))
		works = wake;
	else {
		fprintf(stderr, "usage: bystander count|wake\n");
		return 2;
	}
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	if ((errno = pthread_sigmask(SIG_BLOCK, &term, NULL)))
		fail("pthread_sigmask");
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		fail("sched_getaffinity");

	struct worker *workers = calloc(CPU_COUNT(&allowed), sizeof(*workers));
	if (!workers)
		fail("calloc");
	long long start = now();
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		struct worker *w = &workers[n++];
		w->cpu = cpu;
		w->delays = calloc(slots, sizeof(*w->delays));
		if (!w->delays)
			fail("calloc");
		if ((errno = pthread_create(&w->thread, NULL, work, w)))
			fail("pthread_create");
	}
	sigwait(&term, &sig);
	ended = 1;

	unsigned long long done = 0;
	long long latest = 0;
	for (int i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		if (workers[i].latest > latest)
			latest = workers[i].latest;
	}
	printf("done %llu\nnanoseconds %lld\n", done, now() - start);
	if (works == wake)
		printf("latest %lld\np99 %d\n", latest / 1000, within(workers, n, done, 0.99));
	return 0;
}
