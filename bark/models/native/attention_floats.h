/* Attention of many positions in float32, where sixteen-bit products are no faster. */
#pragma once
#include "pass.h"

#if !HAS_WORDS
#if LANES == 16
#define QUERY_ROWS 12 /* that go through a product together */
#else
#define QUERY_ROWS 6
#endif
#define QUERIES_AT_ONCE (4 * QUERY_ROWS)
#define KEYS (2 * LANES) /* positions of a tile of keys, two vectors for each number of a head */
#define VALUES_AT_ONCE 128

/* Keys of n positions in tiles, and values as they are, both in float32. */
static void unpack_heads(const void *keys, const void *values, int n, int size, int is_bf16,
                         float *key_tiles, float *plain_values) {
    float row[64];
    for (int at = 0; at < (n + KEYS - 1) / KEYS * KEYS; at++) {
        float *tile = key_tiles + (int64_t)(at / KEYS * KEYS) * size + at % KEYS;
        for (int d = 0; d < size; d += LANES) {
            int64_t from = (int64_t)at * size + d;
            store(row + d, at < n ? load_kv(keys, from, is_bf16) : (vf){0});
            if (at < n && is_bf16) store(plain_values + from, load_kv(values, from, is_bf16));
        }
        for (int d = 0; d < size; d++) tile[d * KEYS] = row[d];
    }
}

/* The same of a head in eight bits. */
static void unpack_kept(const uint8_t *head, int64_t half, int n, int size, float *key_tiles,
                        float *plain_values) {
    float row[64] = {0};
    for (int at = 0; at < (n + KEYS - 1) / KEYS * KEYS; at++) {
        float *tile = key_tiles + (int64_t)(at / KEYS * KEYS) * size + at % KEYS;
        if (at < n)
            kept_position(head, half, at, row, plain_values + (int64_t)at * size, size);
        else
            memset(row, 0, sizeof row);
        for (int d = 0; d < size; d++) tile[d * KEYS] = row[d];
    }
}

/* Products of some rows of numbers, n_rows of `step` apart, with two columns of vectors, added to
 * what is there: y[r] += sum over i of x[r][i] * columns[i]. */
INLINE void block_float(const float *x, int64_t x_stride, const float *columns,
                        int64_t column_stride, int n, float *y, int64_t y_stride, int adds) {
    vf sums0[QUERY_ROWS], sums1[QUERY_ROWS];
    for (int r = 0; r < QUERY_ROWS; r++) {
        sums0[r] = adds ? load(y + r * y_stride) : (vf){0};
        sums1[r] = adds ? load(y + r * y_stride + LANES) : (vf){0};
    }
    for (int i = 0; i < n; i++) {
        vf c0 = load(columns + i * column_stride), c1 = load(columns + i * column_stride + LANES);
        for (int r = 0; r < QUERY_ROWS; r++) {
            vf v = splat(x[r * x_stride + i]);
            sums0[r] += v * c0;
            sums1[r] += v * c1;
            PIN(sums0[r], sums1[r]);
        }
    }
    for (int r = 0; r < QUERY_ROWS; r++) {
        store(y + r * y_stride, sums0[r]);
        store(y + r * y_stride + LANES, sums1[r]);
    }
}

/* Scores become weights, zero from `length` to `end`; returns their sum. */
static float weigh_floats(float *scores, int length, int end) {
    vf most = splat(-INFINITY), total = {0};
    for (int j = length; j < end; j++) scores[j] = -INFINITY;
    for (int j = 0; j < end; j += LANES) most = max_f(most, load(scores + j));
    float top = largest(most);
    for (int j = 0; j < end; j += LANES) store(scores + j, exp2_f(load(scores + j) - top));
    for (int j = length; j < end; j++) scores[j] = 0;
    for (int j = 0; j < end; j += LANES) total += load(scores + j);
    return sum(total);
}

typedef struct {
    const float *query, *key_tiles, *values; /* (n_new, size), tiles, (n_all, size) */
    float *scores, *scaled, *y;              /* (QUERIES_AT_ONCE, ...) to work in */
    int64_t score_stride;
    int size, n_past, n_new, n_all, is_causal;
} head_of_many;

/* Queries from `first` on; their sums of values go to y, and the sums of weights to `totals`. */
INLINE int attend_queries(const head_of_many *h, int first, float *totals, const int size) {
    int n = h->n_new - first < QUERIES_AT_ONCE ? h->n_new - first : QUERIES_AT_ONCE;
    int seen = h->is_causal ? h->n_past + first + n : h->n_all;
    int end = (seen + KEYS - 1) / KEYS * KEYS;
    float factor = LOG2_E / sqrtf((float)size);
    for (int i = 0; i < QUERIES_AT_ONCE * size; i++)
        h->scaled[i] = i < n * size ? h->query[first * size + i] * factor : 0;
    for (int at = 0; at < end; at += KEYS)
        for (int r = 0; r < n; r += QUERY_ROWS)
            block_float(h->scaled + r * size, size, h->key_tiles + (int64_t)at * size, KEYS, size,
                        h->scores + r * h->score_stride + at, h->score_stride, 0);
    for (int r = 0; r < n; r++)
        totals[r] = weigh_floats(h->scores + r * h->score_stride,
                                 h->is_causal ? h->n_past + first + r + 1 : h->n_all, end);
    for (int at = 0; at < seen; at += VALUES_AT_ONCE) {
        int n_values = seen - at < VALUES_AT_ONCE ? seen - at : VALUES_AT_ONCE;
        for (int r = 0; r < n; r += QUERY_ROWS)
            for (int d = 0; d < size; d += 2 * LANES)
                block_float(h->scores + r * h->score_stride + at, h->score_stride,
                            h->values + (int64_t)at * size + d, size, n_values,
                            h->y + r * size + d, size, at > 0);
    }
    return n;
}

static void attend_by_floats(void *context, int item) {
    const pass *p = context;
    const cache *c = p->cache;
    int64_t n_heads = p->model->n_heads, width = p->model->width;
    int size = (int)(width / n_heads), n_all = (int)(c->n_past + c->n_new);
    int64_t n_padded = (n_all + KEYS - 1) / KEYS * KEYS, score_stride = n_padded + LANES;
    int64_t bytes = c->kind == KV_BF16 ? 2 : 4, at = (int64_t)item * c->max_len * size;
    const char *keys = (const char *)c->layers[p->layer] + at * bytes;
    const char *values = keys + c->n_items * n_heads * c->max_len * size * bytes;
    size_t tile_size = sizeof(float) * n_padded * size;
    size_t query_size = sizeof(float) * QUERIES_AT_ONCE * (2 * size + score_stride);
    scratch *here = reserve_for_item(2 * tile_size + query_size + 4096);
    if (!here) {
        atomic_store(p->status, OUT_OF_MEMORY);
        return;
    }
    float *key_tiles = take(here, tile_size), *plain = take(here, tile_size);
    if (p->fresh)
        unpack_kept(keep_fresh(p, item, size), head_bytes(c, size) / 2, n_all, size, key_tiles, plain);
    else
        unpack_heads(keys, values, n_all, size, c->kind == KV_BF16, key_tiles, plain);
    head_of_many h = {
        .query = (const float *)p->query + (int64_t)item * c->n_new * size,
        .key_tiles = key_tiles,
        .values = c->kind == KV_FLOAT32 ? (const float *)values : plain,
        .scores = take(here, sizeof(float) * QUERIES_AT_ONCE * score_stride),
        .scaled = take(here, sizeof(float) * QUERIES_AT_ONCE * size),
        .y = take(here, sizeof(float) * QUERIES_AT_ONCE * size),
        .score_stride = score_stride, .size = size, .n_past = (int)c->n_past,
        .n_new = (int)c->n_new, .n_all = n_all, .is_causal = p->is_causal};
    for (int first = first_wanted(p); first < h.n_new; first += QUERIES_AT_ONCE) {
        float totals[QUERIES_AT_ONCE];
        int n = size == 64   ? attend_queries(&h, first, totals, 64)
                : size == 32 ? attend_queries(&h, first, totals, 32)
                             : attend_queries(&h, first, totals, 16);
        float *to = p->attended + (item / n_heads * c->n_new + first) * width +
                    item % n_heads * size;
        for (int r = 0; r < n; r++)
            for (int d = 0; d < size; d += LANES)
                store(to + r * width + d, load(h.y + r * size + d) * (1 / totals[r]));
    }
}
#endif
