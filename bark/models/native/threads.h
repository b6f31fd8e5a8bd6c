/* A few threads that meet often: between two products of a step they wait without sleeping.
 *
 * The items of a job are taken one by one by whoever is free, the caller among them. So a thread
 * that the system keeps from running is hardly missed: nobody waits for work it has not begun. */
#pragma once
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef void task(void *context, int item);

typedef struct {
    task *run;
    void *context;
} job;

/* The ticket is generation << 32 | number of items << 16 | next item. Whoever draws an item of a
 * generation keeps that generation from ending, so its job stays where it is until it is done. */
#define N_JOBS 8
#define MAX_ITEMS 0xf000 /* some numbers are left for those who draw one too many */
#define ITEMS(ticket) ((int)((ticket) >> 16 & 0xffff))
#define NEXT(ticket) ((int)((ticket) & 0xffff))

static struct {
    pthread_mutex_t calls; /* one call at a time has the workers */
    pthread_mutex_t mutex;
    pthread_cond_t more;
    _Atomic uint64_t ticket;
    _Atomic int done, asleep, n_active;
    int n_workers;
    job jobs[N_JOBS];
} pool = {.calls = PTHREAD_MUTEX_INITIALIZER,
          .mutex = PTHREAD_MUTEX_INITIALIZER,
          .more = PTHREAD_COND_INITIALIZER};

#define SPIN_NS 300000 /* how long a worker waits before it sleeps: about a step's pause */
#define PAUSES 64      /* between two looks at the clock */

static void pause_once(void) {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Does one item if there is one. */
static int work_once(void) {
    uint64_t ticket = atomic_load_explicit(&pool.ticket, memory_order_acquire);
    if (NEXT(ticket) >= ITEMS(ticket)) return 0;
    ticket = atomic_fetch_add_explicit(&pool.ticket, 1, memory_order_acq_rel);
    if (NEXT(ticket) >= ITEMS(ticket)) return 0;
    job *mine = &pool.jobs[(ticket >> 32) % N_JOBS];
    mine->run(mine->context, NEXT(ticket));
    atomic_fetch_add_explicit(&pool.done, 1, memory_order_release);
    return 1;
}

static void *worker(void *number) {
    int me = (int)(intptr_t)number;
    int64_t idle_since = now_ns();
    for (int spins = 1;; spins++) {
        if (me < atomic_load_explicit(&pool.n_active, memory_order_relaxed) && work_once()) {
            idle_since = 0;
            continue;
        }
        pause_once();
        if (spins % PAUSES) continue;
        if (idle_since == 0) idle_since = now_ns();
        if (now_ns() - idle_since < SPIN_NS) continue;
        pthread_mutex_lock(&pool.mutex);
        atomic_fetch_add(&pool.asleep, 1);
        uint64_t seen = atomic_load(&pool.ticket);
        while ((NEXT(seen) >= ITEMS(seen) || me >= atomic_load(&pool.n_active))) {
            pthread_cond_wait(&pool.more, &pool.mutex);
            seen = atomic_load(&pool.ticket);
        }
        atomic_fetch_sub(&pool.asleep, 1);
        pthread_mutex_unlock(&pool.mutex);
        idle_since = 0;
    }
    return NULL;
}

/* In a forked child, which has no workers, nor whoever waits for the job that the parent may be at:
 * its items are closed, since what they point at belongs to a thread that is not here. */
static void forget_workers(void) {
    pthread_mutex_init(&pool.calls, NULL);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.more, NULL);
    uint64_t generation = (atomic_load(&pool.ticket) >> 32) + 1;
    atomic_store(&pool.ticket, generation << 32);
    atomic_store(&pool.done, 0);
    atomic_store(&pool.n_active, 0);
    pool.n_workers = 0;
    pool.asleep = 0;
}

static void start_workers(int n) {
    if (pool.n_workers == 0 && n > 0) {
        static int registered;
        if (!registered++) pthread_atfork(NULL, NULL, forget_workers);
    }
    while (pool.n_workers < n) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)pool.n_workers)) return;
        pthread_detach(thread);
        pool.n_workers++;
    }
}

/* Whether this call got the workers; without them it computes alone. */
static int enter(int n_threads) {
    if (n_threads < 2 || pthread_mutex_trylock(&pool.calls)) return 0;
    start_workers(n_threads - 1);
    atomic_store(&pool.n_active, n_threads - 1);
    return 1;
}

static void leave(int has_workers) {
    if (has_workers) pthread_mutex_unlock(&pool.calls);
}

static void for_each(int has_workers, int n_items, task *run, void *context) {
    if (!has_workers || n_items < 2 || n_items > MAX_ITEMS) {
        for (int i = 0; i < n_items; i++) run(context, i);
        return;
    }
    uint64_t generation = (atomic_load(&pool.ticket) >> 32) + 1;
    pool.jobs[generation % N_JOBS] = (job){run, context};
    atomic_store(&pool.done, 0);
    atomic_store(&pool.ticket, generation << 32 | (uint64_t)n_items << 16);
    if (atomic_load(&pool.asleep)) {
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_broadcast(&pool.more);
        pthread_mutex_unlock(&pool.mutex);
    }
    while (work_once()) {
    }
    for (int spins = 1; atomic_load_explicit(&pool.done, memory_order_acquire) < n_items; spins++)
        if (spins % 4096)
            pause_once();
        else
            sched_yield(); /* whoever has the last item may be waiting for this core */
}

/* ------------------------------------------------------------------------------------------ */
/* Scratch memory that a thread keeps from one use to the next, and gives back when it ends.      */

#ifndef SCRATCH_ALLOC
#define SCRATCH_ALLOC(size) aligned_alloc(4096, size)
#endif

typedef struct {
    char *start;
    size_t size, used;
} scratch;

typedef struct {
    scratch call, item; /* of a whole call, and of one item of a job */
} thread_scratch;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void free_scratch(void *mine) {
    free(((thread_scratch *)mine)->call.start);
    free(((thread_scratch *)mine)->item.start);
    free(mine);
}

static void make_scratch_key(void) { pthread_key_create(&scratch_key, free_scratch); }

/* This thread's; NULL where memory is short. */
static thread_scratch *my_scratch(void) {
    pthread_once(&scratch_once, make_scratch_key);
    thread_scratch *mine = pthread_getspecific(scratch_key);
    if (!mine) {
        mine = calloc(1, sizeof *mine);
        if (mine && pthread_setspecific(scratch_key, mine)) {
            free(mine);
            mine = NULL;
        }
    }
    return mine;
}

/* Empties it and makes it large enough; NULL where memory is short. */
static scratch *reserve(scratch *s, size_t size) {
    s->used = 0;
    if (size <= s->size) return s;
    free(s->start);
    s->size = (size + 4095) / 4096 * 4096;
    s->start = SCRATCH_ALLOC(s->size);
    if (s->start) return s;
    s->size = 0;
    return NULL;
}

static scratch *reserve_for_call(size_t size) {
    thread_scratch *mine = my_scratch();
    return mine ? reserve(&mine->call, size) : NULL;
}

static inline scratch *reserve_for_item(size_t size) {
    thread_scratch *mine = my_scratch();
    return mine ? reserve(&mine->item, size) : NULL;
}

/* The next part of what was reserved, at a multiple of 64 bytes. */
static void *take(scratch *s, size_t size) {
    void *start = s->start + s->used;
    s->used += (size + 63) / 64 * 64;
    return start;
}
