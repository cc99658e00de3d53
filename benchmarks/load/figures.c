#include "figures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PIDS 64

static pid_t pids[MAX_PIDS];
static clockid_t clocks[MAX_PIDS];
static int pid_count;

static float *latencies;
static size_t latency_count, latency_room;

void fail(const char *what) {
    if (errno)
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
    else
        fprintf(stderr, "%s\n", what);
    exit(1);
}

static double read_clock(clockid_t clock) {
    struct timespec spec;
    if (clock_gettime(clock, &spec) < 0)
        fail("the server has ended");
    return spec.tv_sec + spec.tv_nsec * 1e-9;
}

double now(void) { return read_clock(CLOCK_MONOTONIC); }

/* A process's CPU clock has the time of all its threads, as /proc/PID/stat has it in steps of 10 ms, but finer. */
void watch_server(pid_t pid) {
    if (pid_count == MAX_PIDS)
        fail("the server has too many processes");
    pids[pid_count] = pid;
    if ((errno = clock_getcpuclockid(pid, &clocks[pid_count])))
        fail("the server's CPU clock");
    pid_count++;
}

snapshot take_snapshot(void) {
    snapshot taken = {.time = now(), .load_cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID)};
    for (int i = 0; i < pid_count; i++)
        taken.server_cpu += read_clock(clocks[i]);
    return taken;
}

long server_memory(void) {
    long pages = 0;
    for (int i = 0; i < pid_count; i++) {
        char path[64];
        long resident;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)pids[i]);
        FILE *file = fopen(path, "r");
        if (!file || fscanf(file, "%*s %ld", &resident) != 1)
            fail(path);
        fclose(file);
        pages += resident;
    }
    return pages * sysconf(_SC_PAGESIZE);
}

void latency_add(double seconds) {
    if (latency_count == latency_room) {
        latency_room = latency_room ? 2 * latency_room : 1 << 16;
        latencies = realloc(latencies, latency_room * sizeof *latencies);
        if (!latencies)
            fail("memory for latencies");
    }
    latencies[latency_count++] = seconds;
}

void latency_clear(void) { latency_count = 0; }

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double latency_percentile(double share) {
    if (!latency_count)
        return 0;
    qsort(latencies, latency_count, sizeof *latencies, compare);
    return latencies[(size_t)(share * (latency_count - 1))];
}
