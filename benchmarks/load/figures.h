/* What is measured: time, CPU, memory, latencies. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

typedef struct {
    double time;       /* seconds */
    double server_cpu; /* seconds of all the server's processes and threads */
    double load_cpu;   /* seconds of our own */
} snapshot;

_Noreturn void fail(const char *what);
double now(void);

void watch_server(pid_t pid);
snapshot take_snapshot(void);
long server_memory(void); /* bytes that are resident */

void latency_add(double seconds);
void latency_clear(void);
double latency_percentile(double share); /* seconds; 0 where there is none */
