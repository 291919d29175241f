/*
 * Storms: as many events of one kind as the kernel can make, at as little cost of
 * their own as possible.
 *
 *   storm SECONDS comm COUNT             prctl(PR_SET_NAME) of the main thread
 *   storm SECONDS asleep COUNT           the same, after the first of them and an eighth of a
 *                                        second: whoever sleeps after an event is asleep then
 *   storm SECONDS fork COUNT             processes that do nothing and end
 *   storm SECONDS thread COUNT           threads that do nothing and end
 *   storm SECONDS exec PARENTS COUNT RATE TAG PROGRAM...
 *                                        each of the parents runs the programs in turn, COUNT
 *                                        times in all, with an argument that names this one run;
 *                                        all parents together RATE times a second, 0 is at full speed
 *
 * After SECONDS it ends, whatever it has not made by then. It prints how many it
 * really made, and how long that took; for exec each run too, with its process id.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (end == text || *end || n < 0) {
		fprintf(stderr, "storm: %s is no number\n", text);
		exit(2);
	}
	return n;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* When to end, and whether it is time. The clock is not looked at every time. */
static double deadline;

static int over(long i)
{
	return i % 16 == 0 && now() > deadline;
}

static void sleep_until(double when)
{
	struct timespec t = { .tv_sec = (time_t)when };
	t.tv_nsec = (long)((when - (double)t.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static long comm(long count)
{
	long i;
	for (i = 0; i < count && !over(i); i++)
		if (prctl(PR_SET_NAME, "stormy"))
			fail("prctl");
	return i;
}

static long asleep(long count)
{
	long first = comm(1);
	sleep_until(now() + 0.125);
	return first + comm(count - 1);
}

static void wait_for(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid");
	if (status) {
		fprintf(stderr, "storm: a child ended with status %#x\n", status);
		exit(1);
	}
}

/* run has a child run a program, or end at once, and returns its process id. */
static pid_t run(char **argv)
{
	char *env[] = { NULL };
	pid_t pid = vfork();
	if (pid < 0)
		fail("vfork");
	if (pid == 0) {
		if (argv)
			execve(argv[0], argv, env);
		_exit(argv ? 127 : 0);
	}
	return pid;
}

static long forks(long count)
{
	long i;
	for (i = 0; i < count && !over(i); i++)
		wait_for(run(NULL));
	return i;
}

static void *nothing(void *arg) { return arg; }

static long threads(long count)
{
	pthread_attr_t attr;
	long i;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; i < count && !over(i); i++) {
		pthread_t t;
		if ((errno = pthread_create(&t, &attr, nothing, NULL)))
			fail("pthread_create");
		if ((errno = pthread_join(t, NULL)))
			fail("pthread_join");
	}
	return i;
}

/* parent runs the programs, and notes their process ids. */
static void parent(long count, double pause, double start, const char *prefix, char **programs, pid_t *pids)
{
	char tag[128];
	int n = 0;
	while (programs[n])
		n++;
	for (long i = 0; i < count && !over(i); i++) {
		char *argv[] = { programs[i % n], tag, NULL };
		snprintf(tag, sizeof(tag), "%s-%ld", prefix, i);
		if (pause > 0)
			sleep_until(start + pause * i);
		pids[i] = run(argv);
		wait_for(pids[i]);
	}
}

static long execs(int parents, long count, long rate, const char *tag, char **programs, double *took)
{
	size_t size = parents * count * sizeof(pid_t);
	pid_t *pids = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pids == MAP_FAILED)
		fail("mmap");
	int gate[2];
	if (pipe(gate))
		fail("pipe");

	pid_t *children = calloc(parents, sizeof(*children));
	if (!children)
		fail("calloc");
	double pause = rate ? (double)parents / rate : 0;
	for (int p = 0; p < parents; p++) {
		children[p] = fork();
		if (children[p] < 0)
			fail("fork");
		if (children[p] == 0) {
			char prefix[100], c;
			close(gate[1]);
			if (read(gate[0], &c, 1) != 0) /* until all are there */
				fail("read");
			snprintf(prefix, sizeof(prefix), "%s-%d", tag, p);
			parent(count, pause, now() + (rate ? (double)p / rate : 0), prefix, programs, pids + p * count);
			_exit(0);
		}
	}
	close(gate[0]);
	double start = now();
	close(gate[1]);
	for (int p = 0; p < parents; p++)
		wait_for(children[p]);
	*took = now() - start;

	int n = 0;
	while (programs[n])
		n++;
	long made = 0;
	for (int p = 0; p < parents; p++)
		for (long i = 0; i < count && pids[p * count + i]; i++, made++)
			printf("exec %d %s %s-%d-%ld\n", pids[p * count + i], programs[i % n], tag, p, i);
	return made;
}

static int usage(void)
{
	fprintf(stderr, "usage: storm SECONDS comm|asleep|fork|thread COUNT\n       storm SECONDS exec PARENTS COUNT RATE TAG PROGRAM...\n");
	return 2;
}

int main(int argc, char **argv)
{
	long made;
	double start = now(), took = 0;

	if (argc < 4)
		return usage();
	deadline = start + number(argv[1]);
	if (argc == 4 && !strcmp(argv[2], "comm"))
		made = comm(number(argv[3]));
	else if (argc == 4 && !strcmp(argv[2], "asleep"))
		made = asleep(number(argv[3]));
	else if (argc == 4 && !strcmp(argv[2], "fork"))
		made = forks(number(argv[3]));
	else if (argc == 4 && !strcmp(argv[2], "thread"))
		made = threads(number(argv[3]));
	else if (argc > 7 && !strcmp(argv[2], "exec"))
		made = execs(number(argv[3]), number(argv[4]), number(argv[5]), argv[6], argv + 7, &took);
	else
		return usage();
	printf("made %ld\nseconds %.6f\n", made, took > 0 ? took : now() - start);
	return 0;
}
