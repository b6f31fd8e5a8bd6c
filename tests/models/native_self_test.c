/* The compiled layers on their own, for the compiler's sanitizers: products beside plain loops,
 * callers at once, a fork in the middle of a job, and calls without memory. Prints what failed. */
static _Thread_local int no_memory;
#define SCRATCH_ALLOC(size) (no_memory ? NULL : aligned_alloc(4096, size))
#include "transformer.c"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_failed;
#define EXPECT(what)                                          \
    do {                                                      \
        if (!(what)) {                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
            n_failed++;                                       \
        }                                                     \
    } while (0)

static float drawn(uint32_t *state) { /* in -1 to 1 */
    *state = *state * 1664525u + 1013904223u;
    return (float)(int32_t)*state / 2147483648.0f;
}

static float *filled(int64_t n, uint32_t seed) {
    float *x = aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64);
    for (int64_t i = 0; i < n; i++) x[i] = drawn(&seed);
    return x;
}

typedef struct {
    linear l;
    float *weight;
    void *codes, *scale, *offset, *limits;
} made;

/* Limits for weights that have been packed; they are not used where there are none. */
static void limit(made *m) {
    if (m->l.kind != INT8 || !limits_length(m->l.n_in)) return;
    if (!m->limits) m->limits = aligned_alloc(64, (limits_length(m->l.n_in) * 4 + 63) / 64 * 64);
    find_limits(&m->l, m->limits, 2);
    m->l.limits = m->limits;
}

static made make_linear(int kind, int n_out, int n_in, uint32_t seed) {
    made m = {.l = {kind, n_out, n_in, NULL, NULL, NULL, NULL, NULL}};
    m.weight = filled((int64_t)n_out * n_in, seed);
    m.l.weight = m.weight;
    if (kind != FLOAT32) {
        int64_t n = (n_out + LANES - 1) / LANES * LANES;
        m.codes = aligned_alloc(64, packed_size(kind, n_out, n_in));
        m.scale = aligned_alloc(64, (n * 4 + 63) / 64 * 64);
        m.offset = aligned_alloc(64, (n * 4 + 63) / 64 * 64);
        (kind == INT8 ? pack_int8 : pack_int4)(m.weight, n_out, n_in, m.codes, m.scale, m.offset,
                                               2);
        m.l.weight = m.codes, m.l.scale = m.scale, m.l.offset = m.offset;
        limit(&m);
    }
    return m;
}

static void free_linear(made *m) {
    free(m->weight);
    free(m->codes);
    free(m->scale);
    free(m->offset);
    free(m->limits);
}

static float worst_error(const made *m, const float *x, const float *y, int n_rows) {
    float worst = 0;
    for (int r = 0; r < n_rows; r++)
        for (int o = 0; o < m->l.n_out; o++) {
            float sum = 0;
            for (int k = 0; k < m->l.n_in; k++)
                sum += x[r * m->l.n_in + k] * m->weight[o * m->l.n_in + k];
            float error = fabsf(sum - y[r * m->l.n_out + o]);
            if (!(error <= worst)) worst = error;
        }
    return worst;
}

static void test_products(void) {
    const float limits[] = {1e-4f, 0.3f, 1.5f};
    const int sizes[][2] = {{16, 64}, {37, 48}, {200, 80}};
    for (int kind = FLOAT32; kind <= INT4; kind++)
        for (int s = 0; s < 3; s++)
            for (int n_rows = 1; n_rows <= 100; n_rows += 11) {
                made m = make_linear(kind, sizes[s][0], sizes[s][1], 7 + s);
                float *x = filled(n_rows * m.l.n_in, 3), *y = filled(n_rows * m.l.n_out, 5);
                EXPECT(run_linear(&m.l, x, y, n_rows, 2) == DONE);
                EXPECT(worst_error(&m, x, y, n_rows) < limits[kind]);
                free(x);
                free(y);
                free_linear(&m);
            }
}

#if HAS_APART
/* Which ways the blocks of some rows of whole numbers go through a layer, as bits. */
static int ways_of_rows(const linear *l, const float *x, int n_rows) {
    scratch here = {0};
    linear limited = *l;
    reserve(&here, coded_size(l->n_in) + limits_size(l) + 4096);
    int8_t *room = take(&here, limits_size(l));
    take_limits(0, &limited, &room);
    coded_rows rows = take_coded(&here, l->n_in);
    int seen = 0;
    for (int first = 0; first < n_rows; first += ROWS_AT_ONCE) {
        int n = n_rows - first < ROWS_AT_ONCE ? n_rows - first : ROWS_AT_ONCE;
        quantize_rows(x + first * l->n_in, n, &limited, &rows);
        for (int row = 0; row < n; row += BLOCK_ROWS) seen |= 1 << rows.apart->ways[row / BLOCK_ROWS];
    }
    free(here.start);
    return seen;
}
#endif

/* Sums of whole numbers, for rows that are wide, narrow and everything between. */
static void test_sums_are_exact_whatever_the_rows_hold(int n_in) {
    enum { OUT = 40, ROWS_HERE = 133 };
    made m = make_linear(INT8, OUT, n_in, 1);
    float *x = filled(ROWS_HERE * n_in, 3), *y = filled(ROWS_HERE * OUT, 5);
    for (int i = 0; i < OUT * n_in; i++) m.weight[i] = i % n_in ? rintf(m.weight[i] * 127) : 127;
    pack_int8(m.weight, OUT, n_in, m.codes, m.scale, m.offset, 1);
    m.l.limits = NULL;
    for (int i = 0; i < ROWS_HERE * n_in; i++) {
        int row = i / n_in;
        float wide = row < 60 ? row : row < 100 ? 127 : row % 11 * 12;
        x[i] = i % n_in ? rintf(x[i] * x[i] * x[i] * wide) : 127; /* mostly small */
        if (row == 80) x[i] = 127;
        if (row == 81 && i % n_in) x[i] = -127;
    }
    EXPECT(run_linear(&m.l, x, y, ROWS_HERE, 2) == DONE);
    limit(&m);
    for (int first = 0, n = 1; first < ROWS_HERE; first += n, n = n % FEW_ROWS + 1) {
        float few[FEW_ROWS * OUT];
        if (n > ROWS_HERE - first) n = ROWS_HERE - first;
        EXPECT(run_linear(&m.l, x + first * n_in, few, n, 2) == DONE);
        EXPECT(!memcmp(few, y + first * OUT, sizeof(float) * n * OUT));
    }
    for (int r = 0; r < ROWS_HERE; r++)
        for (int o = 0; o < OUT; o++) {
            int32_t sum = 0;
            for (int k = 0; k < n_in; k++)
                sum += (int)x[r * n_in + k] * (int)m.weight[o * n_in + k];
            EXPECT(y[r * OUT + o] == (float)sum);
        }
#if HAS_APART
    EXPECT(ways_of_rows(&m.l, x, ROWS_HERE) == (1 << BY_SIGN | 1 << BY_FOUR | 1 << BY_EIGHT));
#endif
    free(x), free(y);
    free_linear(&m);
}

#if HAS_APART
/* Weights and codes that are both as large as the limits allow, all of one sign. */
static void test_sums_that_just_fit_sixteen_bits_are_exact(void) {
    enum { OUT = 8, IN = 64, ROWS_HERE = 17 };
    made m = make_linear(INT8, OUT, IN, 1);
    float x[ROWS_HERE * IN], y[ROWS_HERE * OUT];
    for (int code = 1; code <= 127; code++)
        for (int sign = -1; sign <= 1; sign += 2) {
            for (int i = 0; i < OUT * IN; i++) m.weight[i] = i % IN ? 32 + i / IN * 13 : 127;
            pack_int8(m.weight, OUT, IN, m.codes, m.scale, m.offset, 1);
            limit(&m);
            for (int i = 0; i < ROWS_HERE * IN; i++) x[i] = i % IN ? sign * code : 127;
            EXPECT(run_linear(&m.l, x, y, ROWS_HERE, 1) == DONE);
            for (int i = 0; i < ROWS_HERE * OUT; i++) {
                int sum = 127 * 127;
                for (int k = 1; k < IN; k++) sum += sign * code * (int)m.weight[i % OUT * IN + k];
                EXPECT(y[i] == (float)sum);
            }
        }
    free_linear(&m);
}
#endif

static void test_layers_read_their_cache(int kind) {
    enum { WIDTH = 64, HEADS = 2, LEN = 16, NEW = 3, N = 2 };
    made parts[] = {make_linear(INT8, 3 * WIDTH, WIDTH, 1), make_linear(INT8, WIDTH, WIDTH, 2),
                    make_linear(INT8, 4 * WIDTH, WIDTH, 3), make_linear(INT8, WIDTH, 4 * WIDTH, 4)};
    float *norm = filled(WIDTH, 9), *x = filled(N * NEW * WIDTH, 11), *y = filled(N * NEW * WIDTH, 0);
    layer l = {norm, NULL, norm, NULL, parts[0].l, parts[1].l, parts[2].l, parts[3].l};
    model m = {1, WIDTH, HEADS, &l, norm, NULL};
    float *kv = filled(2 * N * LEN * WIDTH, 13);
    memset(kv, 0, 2 * N * LEN * WIDTH * sizeof(float));
    void *layers[] = {kv};
    cache c = {N, NEW, 2, LEN, kind, layers};
    EXPECT(run_layers(&m, &c, x, y, 2) == DONE);
    for (int i = 0; i < N * NEW * WIDTH; i++) EXPECT(isfinite(y[i]));
    free(norm), free(x), free(y), free(kv);
    for (int i = 0; i < 4; i++) free_linear(&parts[i]);
}

/* Attention of many positions beside plain sums in double precision. */
static float attention_error(int kind, int is_causal, int n_past, int n_new, int size) {
    enum { HEADS = 2, MAX = 160 };
    int width = HEADS * size, half = HEADS * MAX * size, n = 2 * half, n_fresh = HEADS * n_new * size;
    float *query = filled(n_fresh, 3), *kv = filled(n, 5), *fresh = filled(2 * n_fresh, 7);
    float *y = filled(n_new * width, 0);
    uint16_t *halves = aligned_alloc(64, n * sizeof *halves);
    for (int i = 0; i < n; i++) {
        kv[i] *= 1 + 9 * (i / size % 7 == 0); /* some positions have larger numbers */
        halves[i] = (uint16_t)(*(uint32_t *)&kv[i] >> 16);
        if (kind == KV_BF16) *(uint32_t *)&kv[i] &= 0xffff0000;
    }
    cache c = {1, n_new, n_past, MAX, kind, NULL};
    int64_t bytes = head_bytes(&c, size);
    uint8_t *kept = aligned_alloc(64, HEADS * bytes); /* no more than what is there is read */
    for (int i = 0; kind == KV_INT8 && i < HEADS * (n_past + n_new); i++) {
        int head = i / (n_past + n_new), t = i % (n_past + n_new), t_new = t - n_past;
        float *key = kv + (head * MAX + t) * size, *value = key + half;
        keep_position(kept + head * bytes, bytes / 2, t, key, value, size);
        if (t_new >= 0) {
            memcpy(fresh + (head * n_new + t_new) * size, key, sizeof(float) * size);
            memcpy(fresh + n_fresh + (head * n_new + t_new) * size, value, sizeof(float) * size);
        }
        kept_position(kept + head * bytes, bytes / 2, t, key, value, size);
    }
    void *layers[] = {kind == KV_FLOAT32 ? (void *)kv : kind == KV_BF16 ? (void *)halves : kept};
    c.layers = layers;
    model m = {.n_layers = 1, .width = width, .n_heads = HEADS};
    _Atomic int status = DONE;
    pass p = {.model = &m, .cache = &c, .is_causal = is_causal, .n_last = n_new,
              .attended = y, .query = query, .fresh = kind == KV_INT8 ? fresh : NULL, .status = &status};
    for (int head = 0; head < HEADS; head++) attend_many(&p, head);
    EXPECT(status == DONE);
    double error = 0, squares = 0;
    for (int at = 0; at < HEADS * n_new; at++) {
        int head = at / n_new, t = at % n_new, seen = is_causal ? n_past + t + 1 : n_past + n_new;
        const float *q = query + at * size, *keys = kv + head * MAX * size;
        const float *values = keys + HEADS * MAX * size;
        double weights[MAX], total = 0;
        for (int j = 0; j < seen; j++) {
            double score = 0;
            for (int d = 0; d < size; d++) score += (double)q[d] * keys[j * size + d];
            total += weights[j] = exp(score / sqrt(size));
        }
        for (int d = 0; d < size; d++) {
            double sum = 0;
            for (int j = 0; j < seen; j++) sum += weights[j] / total * values[j * size + d];
            double gap = y[t * width + head * size + d] - sum;
            error += gap * gap;
            squares += sum * sum;
        }
    }
    free(query), free(kv), free(fresh), free(y), free(halves), free(kept);
    return (float)sqrt(error / squares);
}

static void test_attention_of_many_positions(void) {
    for (int size = LANES < 8 ? 16 : 2 * LANES; size <= 64; size *= 2)
        for (int kind = KV_FLOAT32; kind <= KV_INT8; kind++)
            for (int n_new = 17; n_new <= 140; n_new += 41) {
                EXPECT(attention_error(kind, 0, 0, n_new, size) < 1e-3f);
                EXPECT(attention_error(kind, 1, 20, n_new, size) < 1e-3f);
            }
}

static void test_a_call_without_memory_says_so(void) {
    made m = make_linear(INT8, 32, 8192, 1);
    float *x = filled(8 * 8192, 3), *y = filled(8 * 32, 5);
    no_memory = 1;
    EXPECT(run_linear(&m.l, x, y, 8, 1) == OUT_OF_MEMORY);
    no_memory = 0;
    EXPECT(run_linear(&m.l, x, y, 8, 1) == DONE);
    free(x), free(y);
    free_linear(&m);
}

/* Threads -------------------------------------------------------------------------------------- */

static void *call_often(void *unused) {
    (void)unused;
    made m = make_linear(INT8, 300, 64, 1);
    float *x = filled(4 * 64, 3), *y = filled(4 * 300, 5), *again = filled(4 * 300, 6);
    run_linear(&m.l, x, y, 4, 1);
    for (int i = 0; i < 200; i++) {
        run_linear(&m.l, x, again, 4, 2);
        if (memcmp(y, again, 4 * 300 * sizeof *y)) return "other sums";
    }
    free(x), free(y), free(again);
    free_linear(&m);
    return NULL;
}

static void test_callers_at_once(void) {
    pthread_t threads[3];
    void *fault;
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, call_often, NULL);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &fault);
        EXPECT(fault == NULL);
    }
}

static pid_t parent;
static _Atomic int begun, may_end, strayed;

static void wait_for_the_fork(void *context, int item) {
    (void)context;
    if (getpid() != parent) strayed = 1; /* an item of the parent's job, done by the child */
    if (item < 2) { /* one for each thread, and the other items wait behind them */
        begun++;
        while (!atomic_load(&may_end)) sched_yield();
    }
}

static void *parents_job(void *unused) {
    int together = enter(2);
    for_each(together, 50, wait_for_the_fork, NULL);
    leave(together);
    return unused;
}

static __attribute__((unused)) void test_a_fork_in_the_middle_of_a_job(void) {
    pthread_t thread;
    parent = getpid();
    pthread_create(&thread, NULL, parents_job, NULL);
    while (atomic_load(&begun) < 2) sched_yield();
    pid_t child = fork();
    if (child == 0) {
        may_end = 1;
        int together = enter(2); /* a worker of the child's own looks for something to do */
        usleep(100000);
        leave(together);
        _exit(call_often(NULL) != NULL || strayed);
    }
    int status;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    may_end = 1;
    pthread_join(thread, NULL);
}

int main(void) {
    test_products();
    test_sums_are_exact_whatever_the_rows_hold(208);
    test_sums_are_exact_whatever_the_rows_hold(2128); /* more than stays in the first cache */
#if HAS_APART
    test_sums_that_just_fit_sixteen_bits_are_exact();
#endif
    for (int kind = KV_FLOAT32; kind <= KV_INT8; kind++) test_layers_read_their_cache(kind);
    test_attention_of_many_positions();
    test_a_call_without_memory_says_so();
    test_callers_at_once();
#if !defined(__SANITIZE_THREAD__) /* it does not follow a child with threads */
    test_a_fork_in_the_middle_of_a_job();
#endif
    return n_failed != 0;
}
