/* The layers of a transformer on a CPU, for Bark's models.
 *
 * A decode step reads every weight once and computes next to nothing with it. So what counts is
 * that the memory is never waited for twice: one call runs all layers, the threads meet between
 * two products without leaving the processor, and a weight that was loaded is used for all rows.
 *
 * Eight-bit layers quantise each row of their input by its own largest magnitude and add up
 * integers; float32 layers add up each result in one order. Attention and norms treat each row
 * alone. So a row's result does not depend on how many others are computed with it.
 *
 * Vectors are the compiler's own types, sixteen lanes wide, which become whatever the processor
 * has. Eight-bit products use VNNI, and AMX for many rows, where they are.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define LANES 16        /* results that one vector holds; also the height of a panel of weights */
#define MAX_LEN 4096    /* positions that attention can see */
#define ROWS 8          /* rows that go through a product together */
#define FEW_ROWS 16     /* up to here a product is split by its outputs, above by its rows */

typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef uint16_t vh __attribute__((vector_size(32)));
typedef uint8_t vb __attribute__((vector_size(16)));
typedef float vf_u __attribute__((vector_size(64), aligned(4)));
typedef int32_t vi_u __attribute__((vector_size(64), aligned(4)));
typedef uint16_t vh_u __attribute__((vector_size(32), aligned(2)));
typedef uint8_t vb_u __attribute__((vector_size(16), aligned(1)));

INLINE vf load(const float *p) { return *(const vf_u *)p; }
INLINE void store(float *p, vf x) { *(vf_u *)p = x; }
INLINE vf splat(float x) { return x - (vf){0}; }

INLINE vf from_bf16(const uint16_t *p) {
    return (vf)(__builtin_convertvector(*(const vh_u *)p, vu) << 16);
}

INLINE void to_bf16(uint16_t *p, vf x) { /* rounds to nearest, ties to even */
#if defined(__AVX512BF16__)
    *(vh_u *)p = (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x;
    bits += 0x7fff + ((bits >> 16) & 1);
    *(vh_u *)p = __builtin_convertvector(bits >> 16, vh);
#endif
}

#if defined(__AVX512F__)
INLINE vf max_f(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf min_f(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#else
INLINE vf select_f(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf max_f(vf a, vf b) { return select_f(a > b, a, b); }
INLINE vf min_f(vf a, vf b) { return select_f(a < b, a, b); }
#endif
INLINE vf abs_f(vf x) { return (vf)((vi)x & 0x7fffffff); }

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31

INLINE vf add_pairs(vf a, vf b) { return SHUFFLE(a, b, EVENS) + SHUFFLE(a, b, ODDS); }

/* The sums of sixteen vectors, one in each lane. */
INLINE vf sums(const vf *a) {
    vf b[8], c[4];
    for (int i = 0; i < 8; i++) b[i] = add_pairs(a[2 * i], a[2 * i + 1]);
    for (int i = 0; i < 4; i++) c[i] = add_pairs(b[2 * i], b[2 * i + 1]);
    return add_pairs(add_pairs(c[0], c[1]), add_pairs(c[2], c[3]));
}

INLINE float sum(vf x) {
    float lanes[LANES], total = 0;
    x = add_pairs(x, x); /* each half holds the eight sums */
    store(lanes, add_pairs(x, x));
    for (int i = 0; i < 4; i++) total += lanes[i];
    return total;
}

INLINE float largest(vf x) {
    float lanes[LANES];
    store(lanes, x);
    float most = lanes[0];
    for (int i = 1; i < LANES; i++) most = lanes[i] > most ? lanes[i] : most;
    return most;
}

#define LOG2_E 1.44269504f

/* 2^t for t of at most 127; of less than -126 it is 2^-126. What is behind the whole number goes
 * through a polynomial, fitted on +-0.5 with an error of 2e-9. */
INLINE vf exp2_f(vf t) {
    t = max_f(t, splat(-126.0f));
    vf n = t + 12582912.0f; /* 1.5 * 2^23: the sum is rounded to a whole number */
    vf f = t - (n - 12582912.0f);
    vf p = f * 1.5345811e-4f + 1.3399931e-3f;
    p = p * f + 9.6184891e-3f;
    p = p * f + 5.5503286e-2f;
    p = p * f + 2.4022646e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    return (vf)((vi)p + ((vi)n << 23));
}

/* The same with an error of 7e-5, for results of sixteen bits. */
INLINE vf exp2_rough(vf t) {
    t = max_f(t, splat(-126.0f));
    vf n = t + 12582912.0f;
    vf f = t - (n - 12582912.0f);
    vf p = f * 5.5171657e-2f + 2.4261113e-1f;
    p = p * f + 6.9326097e-1f;
    p = p * f + 9.9992806e-1f;
    return (vf)((vi)p + ((vi)n << 23));
}

/* ------------------------------------------------------------------------------------------ */
/* Threads                                                                                      */

typedef void task(void *context, int item);

typedef struct {
    task *run;
    void *context;
} job;

/* The ticket is generation << 32 | number of items << 16 | next item. Whoever draws an item of a
 * generation keeps that generation from ending, so its job stays where it is until it is done. */
#define N_JOBS 8
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

static void forget_workers(void) { /* in a forked child, which has none of them */
    pthread_mutex_init(&pool.calls, NULL);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.more, NULL);
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
    if (!has_workers || n_items < 2) {
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
/* Layers                                                                                       */

enum { FLOAT32, INT8 };

typedef struct {
    int64_t kind, n_out, n_in;
    const void *weight;     /* FLOAT32: (n_out, n_in); INT8: panels, see pack_int8 */
    const float *scale;     /* INT8: (panels * 16,) of an input whose scale is 1 */
    const int32_t *offset;  /* INT8: (panels * 16,) what 128 in every input adds up to */
    const float *bias;      /* (panels * 16,) or NULL */
} linear;

typedef struct {
    const float *norm1, *norm1_bias, *norm2, *norm2_bias;
    linear qkv, attention_out, mlp_in, mlp_out;
} layer;

typedef struct {
    int64_t n_layers, width, n_heads;
    const layer *layers;
    const float *norm, *norm_bias;
} model;

/* Where the keys and values of a batch lie: (2, B, H, max_len, D) a layer, keys first. */
typedef struct {
    int64_t n_items, n_new, n_past, max_len, is_bf16;
    void *const *layers;
} cache;

INLINE int panels_of(const linear *l) { return (int)((l->n_out + LANES - 1) / LANES); }
INLINE int64_t padded(int64_t n_in) { return (n_in + 63) / 64 * 64; }

static void norm_row(const float *x, int n, const float *scale, const float *bias, float *y) {
    vf total = {0}, squares = {0};
    for (int i = 0; i < n; i += LANES) total += load(x + i);
    float mean = sum(total) / n;
    for (int i = 0; i < n; i += LANES) {
        vf d = load(x + i) - mean;
        squares += d * d;
    }
    float factor = 1 / sqrtf(sum(squares) / n + 1e-5f);
    for (int i = 0; i < n; i += LANES) {
        vf v = (load(x + i) - mean) * factor * load(scale + i);
        store(y + i, bias ? v + load(bias + i) : v);
    }
}

/* Codes around 128 of a row, and the scale that turns them back. What lies between the row's end
 * and the next multiple of 64 meets weights of 0. */
static float quantize_row(const float *x, int64_t n, uint8_t *codes) {
    vf most = {0};
    for (int64_t i = 0; i < n; i += LANES) most = max_f(most, abs_f(load(x + i)));
    float magnitude = largest(most);
    float factor = magnitude > 0 ? 127 / magnitude : 0;
    for (int64_t i = 0; i < n; i += LANES) {
        vf code = load(x + i) * factor + 12583040.0f; /* 1.5 * 2^23 + 128: rounds to even */
        *(vb_u *)(codes + i) = __builtin_convertvector((vu)code & 0xff, vb);
    }
    return magnitude / 127;
}

/* Four products of an unsigned and a signed byte are added to each lane. */
INLINE vi dot4(vi total, vi codes, vi weights) {
#if defined(__AVX512VNNI__)
    return (vi)_mm512_dpbusd_epi32((__m512i)total, (__m512i)codes, (__m512i)weights);
#else
    for (int byte = 0; byte < 32; byte += 8) {
        vi code = (vi)((vu)codes >> byte & 0xff);
        total += code * (weights << (24 - byte) >> 24);
    }
    return total;
#endif
}

/* What becomes of a product. */
enum { WRITE, ADD, GELU, QKV };

typedef struct {
    int to;
    float *y;              /* WRITE, ADD, GELU: (rows, stride) */
    int64_t stride;
    void *query;           /* QKV: (B, H, T, D), float32 or as the cache */
    int query_is_bf16;
    const cache *cache;
    void *kv;
    int64_t n_heads, head_size;
} result;

/* GELU by the error function, which is x times a quotient of polynomials in x^2, fitted to it on
 * |x| <= 3.9. In float32 its error is 4e-7 at most. */
INLINE vf gelu(vf x) {
    vf z = x * 0.70710678f;
    z = min_f(max_f(z, splat(-3.9f)), splat(3.9f));
    vf s = z * z, p, q;
    p = s * 2.0504158e-6f + 2.8745315e-4f;
    p = p * s + 3.8367058e-3f;
    p = p * s + 5.2966405e-2f;
    p = p * s + 1.9193704e-1f;
    p = p * s + 1.1283790f;
    q = s * 3.8230821e-5f + 1.1816924e-3f;
    q = q * s + 1.5108868e-2f;
    q = q * s + 1.1475657e-1f;
    q = q * s + 5.0343156e-1f;
    q = q * s + 1.0f;
    return x * 0.5f * (1.0f + z * p / q);
}

/* Sixteen results of one row, from result n on. */
INLINE void finish(const linear *l, const result *to, int row, int n, vf y) {
    if (l->bias) y += load(l->bias + n);
    if (to->to == QKV) {
        int width = (int)(l->n_out / 3), part = n / width, in_part = n % width;
        int head = in_part / (int)to->head_size, d = in_part % (int)to->head_size;
        const cache *c = to->cache;
        int item = row / (int)c->n_new, t = row % (int)c->n_new;
        int64_t at = item * to->n_heads + head;
        void *base = part ? to->kv : to->query;
        int is_bf16 = part ? (int)c->is_bf16 : to->query_is_bf16;
        if (part) /* (2, B, H, max_len, D) */
            at = (at + (part - 1) * c->n_items * to->n_heads) * c->max_len + c->n_past + t;
        else
            at = at * c->n_new + t;
        at = at * to->head_size + d;
        if (is_bf16)
            to_bf16((uint16_t *)base + at, y);
        else
            store((float *)base + at, y);
        return;
    }
    float *target = to->y + row * to->stride + n;
    if (to->to == GELU) y = gelu(y);
    if (n + LANES > l->n_out) { /* the last panel may be a narrow one */
        for (int i = 0; i < l->n_out - n; i++) target[i] = to->to == ADD ? target[i] + y[i] : y[i];
    } else {
        store(target, to->to == ADD ? load(target) + y : y);
    }
}

/* Panels of eight-bit weights: sixteen outputs by four inputs make 64 bytes that lie together, of
 * which four of one output are a lane. */
INLINE const int8_t *int8_panel(const linear *l, int panel) {
    return (const int8_t *)l->weight + (int64_t)panel * padded(l->n_in) * LANES;
}

INLINE void finish_int8(const linear *l, const result *to, const float *scales, int row, int n,
                        vi total) {
    vi exact = total - *(const vi_u *)(l->offset + n);
    vf y = __builtin_convertvector(exact, vf) * load(l->scale + n) * scales[row];
    finish(l, to, row, n, y);
}

#define WEIGHTS_AHEAD 8192 /* bytes that are fetched before they are needed */

INLINE void panel_int8(const linear *l, const result *to, const uint8_t *codes,
                       const float *scales, int row, int panel, const int n_rows) {
    int64_t stride = padded(l->n_in);
    const int8_t *weights = int8_panel(l, panel);
    codes += row * stride;
    vi even[ROWS] = {{0}}, odd[ROWS] = {{0}};
    for (int64_t k = 0; k < stride; k += 8) {
        vi a = *(const vi_u *)(weights + k * LANES), b = *(const vi_u *)(weights + (k + 4) * LANES);
        __builtin_prefetch(weights + k * LANES + WEIGHTS_AHEAD, 0, 2);
        __builtin_prefetch(weights + k * LANES + WEIGHTS_AHEAD + 64, 0, 2);
        for (int r = 0; r < n_rows; r++) {
            int32_t x, y;
            memcpy(&x, codes + r * stride + k, 4);
            memcpy(&y, codes + r * stride + k + 4, 4);
            even[r] = dot4(even[r], x - (vi){0}, a);
            odd[r] = dot4(odd[r], y - (vi){0}, b);
        }
    }
    for (int r = 0; r < n_rows; r++)
        finish_int8(l, to, scales, row + r, panel * LANES, even[r] + odd[r]);
}

#define BLOCK 768 /* inputs that are gone through for a whole panel, so that they stay near */

INLINE void panel_float(const linear *l, const result *to, const float *x, int row, int panel,
                        const int n_rows, const int n_at_once) {
    int64_t n_in = l->n_in;
    int n = panel * LANES, n_left = (int)l->n_out - n;
    vf totals[ROWS][LANES] = {{{0}}};
    x += row * n_in;
    for (int64_t begin = 0; begin < n_in; begin += BLOCK) {
        int64_t end = begin + BLOCK < n_in ? begin + BLOCK : n_in;
        for (int o = 0; o < LANES; o += n_at_once) {
            const float *weights[LANES];
            vf total[ROWS][LANES];
            for (int i = 0; i < n_at_once; i++) { /* behind the last output comes it again */
                int output = n + (o + i < n_left ? o + i : n_left - 1);
                weights[i] = (const float *)l->weight + output * n_in;
                for (int r = 0; r < n_rows; r++) total[r][i] = totals[r][o + i];
            }
            for (int64_t k = begin; k < end; k += LANES) {
                vf w[LANES];
                for (int i = 0; i < n_at_once; i++) {
                    w[i] = load(weights[i] + k);
                    __builtin_prefetch(weights[i] + k + n_at_once * n_in);
                }
                for (int r = 0; r < n_rows; r++) {
                    vf v = load(x + r * n_in + k);
                    for (int i = 0; i < n_at_once; i++) total[r][i] += v * w[i];
                }
            }
            for (int r = 0; r < n_rows; r++)
                for (int i = 0; i < n_at_once; i++) totals[r][o + i] = total[r][i];
        }
    }
    for (int r = 0; r < n_rows; r++) finish(l, to, row + r, n, sums(totals[r]));
}

#define BY_ROWS(call1, call2, call3, call4, call5, call6, call7, call8) \
    switch (n_rows) {                                                   \
    case 1: call1; break;                                               \
    case 2: call2; break;                                               \
    case 3: call3; break;                                               \
    case 4: call4; break;                                               \
    case 5: call5; break;                                               \
    case 6: call6; break;                                               \
    case 7: call7; break;                                               \
    default: call8;                                                     \
    }

static void rows_int8(const linear *l, const result *to, const uint8_t *codes,
                      const float *scales, int row, int n_rows, int panel) {
#define PANEL(n) panel_int8(l, to, codes, scales, row, panel, n)
    BY_ROWS(PANEL(1), PANEL(2), PANEL(3), PANEL(4), PANEL(5), PANEL(6), PANEL(7), PANEL(8))
#undef PANEL
}

static void rows_float(const linear *l, const result *to, const float *x, int row, int n_rows,
                       int panel) {
#define PANEL(n, at_once) panel_float(l, to, x, row, panel, n, at_once)
    BY_ROWS(PANEL(1, 8), PANEL(2, 4), PANEL(3, 4), PANEL(4, 4), PANEL(5, 2), PANEL(6, 2),
            PANEL(7, 2), PANEL(8, 2))
#undef PANEL
}

typedef struct {
    const linear *l;
    result to;
    const void *x; /* codes or floats, (rows, ...) */
    const float *scales;
    int n_rows, n_panels; /* panels of one item */
} product;

static void multiply_panels(void *context, int item) {
    const product *p = context;
    int end = (item + 1) * p->n_panels, all = panels_of(p->l);
    if (end > all) end = all;
    for (int panel = item * p->n_panels; panel < end; panel++)
        for (int row = 0; row < p->n_rows; row += ROWS) {
            int n = p->n_rows - row < ROWS ? p->n_rows - row : ROWS;
            if (p->l->kind == INT8)
                rows_int8(p->l, &p->to, p->x, p->scales, row, n, panel);
            else
                rows_float(p->l, &p->to, p->x, row, n, panel);
        }
}

/* A product of a few rows, its outputs shared out among the threads. */
static void multiply(int has_workers, const linear *l, const float *x, int n_rows, uint8_t *codes,
                     float *scales, result to) {
    const void *input = x;
    if (l->kind == INT8) {
        int64_t stride = padded(l->n_in);
        for (int r = 0; r < n_rows; r++)
            scales[r] = quantize_row(x + r * l->n_in, l->n_in, codes + r * stride);
        input = codes;
    }
    int n_panels = (panels_of(l) + 11) / 12;
    product p = {l, to, input, scales, n_rows, n_panels};
    for_each(has_workers, (panels_of(l) + n_panels - 1) / n_panels, multiply_panels, &p);
}

/* ------------------------------------------------------------------------------------------ */
/* Attention of a few new positions                                                             */

typedef struct {
    const cache *cache;
    const float *query; /* (B, H, T, D) */
    const void *kv;
    float *y; /* (B, T, H D) */
    int64_t n_heads, head_size;
} attention;

#define AHEAD 64 /* positions that are fetched before they are needed, into the second cache */

INLINE vf load_kv(const void *p, int64_t at, const int is_bf16) {
    return is_bf16 ? from_bf16((const uint16_t *)p + at) : load((const float *)p + at);
}

/* A query with the key at a position, still in sixteen parts. */
INLINE vf key_product(const vf *q, const void *keys, int64_t at, const int parts,
                      const int is_bf16) {
#if defined(__AVX512BF16__)
    if (is_bf16 && parts % 2 == 0) { /* q holds 32 of them in a vector */
        __m512 total = _mm512_setzero_ps();
        for (int i = 0; i < parts / 2; i++)
            total = _mm512_dpbf16_ps(
                total, (__m512bh)q[i],
                (__m512bh)_mm512_loadu_si512((const uint16_t *)keys + at + i * 32));
        return (vf)total;
    }
#endif
    vf total = q[0] * load_kv(keys, at, is_bf16);
    for (int i = 1; i < parts; i++) total += q[i] * load_kv(keys, at + i * LANES, is_bf16);
    return total;
}

INLINE void load_query(const float *query, float scale, vf *q, const int parts,
                       const int is_bf16) {
    for (int i = 0; i < parts; i++) q[i] = load(query + i * LANES) * scale;
#if defined(__AVX512BF16__)
    if (is_bf16 && parts % 2 == 0)
        for (int i = 0; i < parts / 2; i++)
            q[i] = (vf)_mm512_cvtne2ps_pbh((__m512)q[2 * i + 1], (__m512)q[2 * i]);
#endif
}

/* Sums of the values at positions from `at` on, weighted by their scores. */
INLINE void add_values(vf *total, const float *scores, const void *values, int at, int length,
                       const int parts, const int is_bf16) {
    for (; at < length; at++)
        for (int i = 0; i < parts; i++)
            total[i] += scores[at] * load_kv(values, (at * parts + i) * LANES, is_bf16);
}

#if defined(__AVX512BF16__)
/* The same two positions at a time, whose numbers are put side by side for it. The halves of
 * every 128 bits come out apart. */
INLINE int add_value_pairs(vf *total, const float *scores, const uint16_t *values, int length,
                           const int parts) {
    __m512 sums[parts];
    for (int i = 0; i < parts; i++) sums[i] = _mm512_setzero_ps();
    int at = 0;
    for (; at + 2 <= length; at += 2) {
        const uint16_t *one = values + at * parts * LANES, *two = one + parts * LANES;
        __m128 pair = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(scores + at)));
        __m512bh weight = (__m512bh)_mm512_broadcastd_epi32((__m128i)_mm_cvtneps_pbh(pair));
        for (int i = 0; i < parts / 2; i++) {
            __builtin_prefetch(one + i * 32 + AHEAD * parts * LANES, 0, 2);
            __builtin_prefetch(two + i * 32 + AHEAD * parts * LANES, 0, 2);
            __m512i a = _mm512_loadu_si512(one + i * 32), b = _mm512_loadu_si512(two + i * 32);
            __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
            sums[2 * i] = _mm512_dpbf16_ps(sums[2 * i], (__m512bh)low, weight);
            sums[2 * i + 1] = _mm512_dpbf16_ps(sums[2 * i + 1], (__m512bh)high, weight);
        }
    }
    for (int i = 0; i < parts / 2; i++) {
        vf low = (vf)sums[2 * i], high = (vf)sums[2 * i + 1];
        total[2 * i] += SHUFFLE(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
        total[2 * i + 1] +=
            SHUFFLE(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    }
    return at;
}
#endif

/* One query over `length` positions; `parts` vectors make up a head. */
INLINE void attend(const float *query, const void *keys, const void *values, int length, float *y,
                   const int parts, const int is_bf16) {
    const int64_t size = (int64_t)parts * LANES, bytes = is_bf16 ? 2 : 4;
    float scores[MAX_LEN + LANES];
    vf q[parts], products[LANES], most = splat(-INFINITY), total = {0};
    load_query(query, LOG2_E / sqrtf((float)size), q, parts, is_bf16);
    int at = 0;
    for (; at + LANES <= length; at += LANES) {
        for (int j = 0; j < LANES; j++) {
            for (int i = 0; i < size * bytes; i += 64)
                __builtin_prefetch((const char *)keys + (at + j + AHEAD) * size * bytes + i, 0, 2);
            products[j] = key_product(q, keys, (at + j) * size, parts, is_bf16);
        }
        vf score = sums(products);
        store(scores + at, score);
        most = max_f(most, score);
    }
    if (at < length) {
        for (int j = 0; j < LANES; j++) {
            int position = at + j < length ? at + j : length - 1;
            products[j] = key_product(q, keys, position * size, parts, is_bf16);
        }
        vf score = sums(products);
        for (int j = length - at; j < LANES; j++) score[j] = -INFINITY;
        store(scores + at, score);
        most = max_f(most, score);
    }
    float top = largest(most);
    for (at = 0; at < length; at += LANES) {
        vf e = exp2_f(load(scores + at) - top);
        store(scores + at, e);
        total += e;
    }
    vf sum_of_values[parts];
    for (int i = 0; i < parts; i++) sum_of_values[i] = (vf){0};
    at = 0;
#if defined(__AVX512BF16__)
    if (is_bf16 && parts % 2 == 0)
        at = add_value_pairs(sum_of_values, scores, values, length, parts);
#endif
    add_values(sum_of_values, scores, values, at, length, parts, is_bf16);
    float factor = 1 / sum(total);
    for (int i = 0; i < parts; i++) store(y + i * LANES, sum_of_values[i] * factor);
}

static void attend_head(void *context, int item) {
    const attention *a = context;
    const cache *c = a->cache;
    int64_t size = a->head_size, at = item * c->max_len * size;
    int64_t values_at = at + c->n_items * a->n_heads * c->max_len * size;
    int64_t in_batch = item / a->n_heads, head = item % a->n_heads;
    int bytes = c->is_bf16 ? 2 : 4;
    const char *keys = (const char *)a->kv + at * bytes;
    const char *values = (const char *)a->kv + values_at * bytes;
    for (int64_t t = 0; t < c->n_new; t++) {
        const float *query = a->query + (item * c->n_new + t) * size;
        float *y = a->y + ((in_batch * c->n_new + t) * a->n_heads + head) * size;
        int length = (int)(c->n_past + t + 1);
#define ATTEND(parts)                                                        \
    (c->is_bf16 ? attend(query, keys, values, length, y, parts, 1)           \
                : attend(query, keys, values, length, y, parts, 0))
        if (size == 64)
            ATTEND(4);
        else if (size == 32)
            ATTEND(2);
        else
            ATTEND(1);
    }
}

/* ------------------------------------------------------------------------------------------ */
/* Memory                                                                                       */

/* Room that a thread keeps from one use to the next. */
typedef struct {
    char *start;
    size_t size, used;
} room;

static _Thread_local room of_call, of_item;

static void reserve(room *r, size_t size) {
    r->used = 0;
    if (size <= r->size) return;
    free(r->start);
    r->size = (size + 4095) / 4096 * 4096;
    r->start = aligned_alloc(4096, r->size);
    if (!r->start) abort(); /* a few MB: without them nothing else could go on either */
}

static void *take(room *r, size_t size) {
    void *start = r->start + r->used;
    r->used += (size + 63) / 64 * 64;
    return start;
}

#include "tiles.h"

/* ------------------------------------------------------------------------------------------ */
/* What Python calls                                                                            */

/* All layers and the last norm for a few new positions.
 *
 * x: (B, T, C) embeddings, overwritten. y: (B, T, C) hidden states. */
void run_layers(const model *m, const cache *c, float *x, float *y, int n_threads) {
    int width = (int)m->width, n_rows = (int)(c->n_items * c->n_new);
    int64_t wide = m->layers[0].mlp_in.n_out, head_size = m->width / m->n_heads;
    reserve(&of_call, (size_t)n_rows * (sizeof(float) * (2 * width + wide + 16) + padded(wide) + 64) + 4096);
    float *normed = take(&of_call, sizeof(float) * n_rows * width), *query = take(&of_call, sizeof(float) * n_rows * width);
    float *hidden = take(&of_call, sizeof(float) * n_rows * wide), *scales = take(&of_call, sizeof(float) * n_rows);
    uint8_t *codes = take(&of_call, (size_t)n_rows * padded(wide));
    int together = enter(n_threads);
    for (int i = 0; i < m->n_layers; i++) {
        const layer *l = &m->layers[i];
        for (int r = 0; r < n_rows; r++)
            norm_row(x + r * width, width, l->norm1, l->norm1_bias, normed + r * width);
        multiply(together, &l->qkv, normed, n_rows, codes, scales,
                 (result){.to = QKV, .query = query, .cache = c, .kv = c->layers[i],
                          .n_heads = m->n_heads, .head_size = head_size});
        attention a = {c, query, c->layers[i], normed, m->n_heads, head_size};
        for_each(together, (int)(c->n_items * m->n_heads), attend_head, &a);
        multiply(together, &l->attention_out, normed, n_rows, codes, scales,
                 (result){.to = ADD, .y = x, .stride = width});
        for (int r = 0; r < n_rows; r++)
            norm_row(x + r * width, width, l->norm2, l->norm2_bias, normed + r * width);
        multiply(together, &l->mlp_in, normed, n_rows, codes, scales,
                 (result){.to = GELU, .y = hidden, .stride = wide});
        multiply(together, &l->mlp_out, hidden, n_rows, codes, scales,
                 (result){.to = ADD, .y = x, .stride = width});
    }
    leave(together);
    for (int r = 0; r < n_rows; r++)
        norm_row(x + r * width, width, m->norm, m->norm_bias, y + r * width);
}

/* Whether `run_layers_of_many` works here. */
int has_tiles(void) {
#if HAS_TILES
    static int answer = -1;
    if (answer < 0) answer = may_use_tiles();
    return answer;
#else
    return 0;
#endif
}

/* One linear layer: x (rows, n_in), y (rows, n_out). */
void run_linear(const linear *l, const float *x, float *y, int n_rows, int n_threads) {
    result to = {.to = WRITE, .y = y, .stride = l->n_out};
    int together = enter(n_threads);
#if HAS_TILES
    if (l->kind == INT8 && n_rows > FEW_ROWS && has_tiles()) {
        many_rows rows = {l, to, x, n_rows};
        for_each(together, (n_rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, multiply_rows, &rows);
        leave(together);
        return;
    }
#endif
    reserve(&of_call, (size_t)n_rows * (padded(l->n_in) + sizeof(float)) + 4096);
    uint8_t *codes = take(&of_call, (size_t)n_rows * padded(l->n_in));
    float *scales = take(&of_call, sizeof(float) * n_rows);
    multiply(together, l, x, n_rows, codes, scales, to);
    leave(together);
}

/* The same for many new positions, of eight-bit layers with a bfloat16 cache and heads of 64. */
void run_layers_of_many(const model *m, const cache *c, float *x, float *y, int is_causal,
                        int n_threads) {
#if HAS_TILES
    int n_rows = (int)(c->n_items * c->n_new);
    reserve(&of_call, (size_t)n_rows * m->width * (sizeof(float) + sizeof(uint16_t)) + 4096);
    float *attended = take(&of_call, sizeof(float) * n_rows * m->width);
    uint16_t *query = take(&of_call, sizeof(uint16_t) * n_rows * m->width);
    int together = enter(n_threads);
    for (int i = 0; i <= m->n_layers; i++) {
        pass p = {m, c, i, is_causal, x, y, attended, query};
        for_each(together, (n_rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, pass_rows, &p);
        if (i < m->n_layers)
            for_each(together, (int)(c->n_items * m->n_heads), attend_by_tiles, &p);
    }
    leave(together);
#else
    (void)m, (void)c, (void)x, (void)y, (void)is_causal, (void)n_threads;
#endif
}

/* ------------------------------------------------------------------------------------------ */
/* Packing                                                                                      */

typedef struct {
    const float *weight;
    int64_t n_out, n_in;
    int8_t *codes;
    float *scale;
    int32_t *offset;
} packing;

static void pack_panel(void *context, int panel) {
    const packing *p = context;
    int64_t n_in = p->n_in, stride = padded(n_in);
    int8_t *codes = p->codes + panel * stride * LANES;
    memset(codes, 0, stride * LANES);
    for (int o = 0; o < LANES; o++) {
        int64_t output = (int64_t)panel * LANES + o;
        p->scale[output] = 0;
        p->offset[output] = 0;
        if (output >= p->n_out) continue;
        const float *row = p->weight + output * n_in;
        vf most = {0};
        int64_t k = 0;
        for (; k + LANES <= n_in; k += LANES) most = max_f(most, abs_f(load(row + k)));
        float magnitude = largest(most);
        for (; k < n_in; k++) magnitude = fabsf(row[k]) > magnitude ? fabsf(row[k]) : magnitude;
        float factor = magnitude > 0 ? 127 / magnitude : 0;
        int32_t total = 0;
        for (k = 0; k < n_in; k++) {
            int code = (int)lrintf(row[k] * factor);
            codes[k / 4 * 64 + o * 4 + k % 4] = (int8_t)code;
            total += code;
        }
        p->scale[output] = magnitude / 127;
        p->offset[output] = 128 * total;
    }
}

/* Eight-bit codes of float32 weights (n_out, n_in) in panels, a scale for each output.
 *
 * codes: panels * 16 * n_in rounded up to 64; scale, offset: panels * 16. */
void pack_int8(const float *weight, int64_t n_out, int64_t n_in, int8_t *codes, float *scale,
               int32_t *offset, int n_threads) {
    packing p = {weight, n_out, n_in, codes, scale, offset};
    int together = enter(n_threads);
    for_each(together, (int)((n_out + LANES - 1) / LANES), pack_panel, &p);
    leave(together);
}
