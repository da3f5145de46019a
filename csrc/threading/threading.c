/* OpenMP lives here and nowhere else. Built without OpenMP the same regions run on pthreads, which
 * the thread sanitizer understands.
 *
 * libgomp hangs in a forked child that opens a region after its parent did, so a child runs
 * serially; it ends the process on absurd thread counts, so every region names a clamped count.
 *
 * Beside a busy process a region waits for a descheduled thread, up to 8 ms at a time, and threads
 * lose to one thread by far. So a region whose first thread waited longer than it worked turns
 * threads off for a while, each time twice as long, until waits are short again. After a rest threads
 * wake up slowly, and another process may still be on its way out: that alone says nothing. Which thread
 * runs a task never shows in the bits. */
#include "threading/threading.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/common.h"

#ifdef _OPENMP
#include <omp.h>
#endif

static atomic_int threads = 1;
static atomic_int forked = 0;
static atomic_int last_region = 1;
static atomic_long grain = PL_DEFAULT_GRAIN;
static _Thread_local int inside = 0;

/* Nanoseconds; a rest is longer than threads spin. */
enum { WAIT_ALLOWED = 150000, REST = 1000000, WAKING_ALLOWED = 3000000 };
enum { FIRST_PAUSE = 2000000, LONGEST_PAUSE = 256000000, GOOD_REGIONS = 64 };
static atomic_llong region_end = 0; /* of the last region */
static atomic_llong pause_end = 0;  /* no threads before this time */
static atomic_llong pause_length = FIRST_PAUSE;
static atomic_int good_regions = 0;

static long long nanoseconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* What the first thread saw: its work ended at `worked`, the region at `ended`. */
static void judge_region(long long begun, long long worked, long long ended) {
    const int rested = begun - atomic_exchange(&region_end, ended) > REST;
    if (ended - worked <= (rested ? WAKING_ALLOWED : WAIT_ALLOWED) + (worked - begun)) {
        if (atomic_fetch_add(&good_regions, 1) == GOOD_REGIONS)
            atomic_store(&pause_length, FIRST_PAUSE);
        return;
    }
    /* A pause long ago was about something else. */
    const int again = begun - atomic_load(&pause_end) < LONGEST_PAUSE;
    const long long length = again ? atomic_load(&pause_length) : FIRST_PAUSE;
    atomic_store(&pause_end, ended + length);
    atomic_store(&pause_length, length < LONGEST_PAUSE ? 2 * length : LONGEST_PAUSE);
    atomic_store(&good_regions, 0);
}

static void in_child(void) { atomic_store(&forked, 1); }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(0, 0, in_child); }

int pl_threads(void) { return atomic_load_explicit(&threads, memory_order_relaxed); }

void pl_threads_use(int count) {
    atomic_store(&threads, (int)pl_max(1, pl_min(count, PL_MAX_THREADS)));
}

long pl_grain_use(long nanoseconds) { return atomic_exchange(&grain, nanoseconds); }

int pl_last_region_threads(void) { return atomic_load(&last_region); }

int pl_workers(ptrdiff_t tasks, double nanoseconds) {
    const int count = (int)pl_min(pl_threads(), tasks);
    const long least = atomic_load_explicit(&grain, memory_order_relaxed);
    if (count <= 1 || inside || atomic_load_explicit(&forked, memory_order_relaxed)) return 1;
    if (least == 0) return count;
    if (nanoseconds < (double)least) return 1;
    const long long until = atomic_load_explicit(&pause_end, memory_order_relaxed);
    return until && nanoseconds_now() < until ? 1 : count;
}

static void run_part(ptrdiff_t tasks, int workers, int thread, pl_task run, void *context) {
    const ptrdiff_t begin = tasks * thread / workers, end = tasks * (thread + 1) / workers;
    inside = 1;
    if (begin < end) run(context, begin, end, thread);
    inside = 0;
}

#ifndef _OPENMP
typedef struct {
    ptrdiff_t tasks;
    int workers, thread;
    pl_task run;
    void *context;
} part;

static void *run_part_of(void *pointer) {
    const part *mine = pointer;
    run_part(mine->tasks, mine->workers, mine->thread, mine->run, mine->context);
    return 0;
}
#endif

void pl_parallel_for(ptrdiff_t tasks, int workers, pl_task run, void *context) {
    if (tasks <= 0) return;
    if (workers <= 1) {
        run(context, 0, tasks, 0);
        return;
    }
    const long long begun = nanoseconds_now();
    long long worked = begun;
#ifdef _OPENMP
#pragma omp parallel num_threads(workers)
    {
        /* The runtime may give fewer threads than asked: each takes every team-th part. */
        const int team = omp_get_num_threads();
        if (omp_get_thread_num() == 0) atomic_store(&last_region, team);
        for (int part = omp_get_thread_num(); part < workers; part += team)
            run_part(tasks, workers, part, run, context);
        if (omp_get_thread_num() == 0) worked = nanoseconds_now();
    }
#else
    pthread_t ids[PL_MAX_THREADS];
    part parts[PL_MAX_THREADS];
    int started = 1;
    for (; started < workers; started++) {
        parts[started] = (part){tasks, workers, started, run, context};
        if (pthread_create(&ids[started], 0, run_part_of, &parts[started]) != 0) break;
    }
    atomic_store(&last_region, started);
    run_part(tasks, workers, 0, run, context);
    for (int late = started; late < workers; late++) run_part(tasks, workers, late, run, context);
    worked = nanoseconds_now();
    for (int i = 1; i < started; i++) pthread_join(ids[i], 0);
#endif
    judge_region(begun, worked, nanoseconds_now());
}
