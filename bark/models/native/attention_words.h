/* Attention of many positions in whole numbers of sixteen bits. An instruction does twice as many
 * products of them as of float32, and they are more exact than bfloat16.
 *
 * Each position's key and value have a scale of their own, so that no position depends on a later
 * one. What a value's scale is goes into the weight it is multiplied by. */
#pragma once
#include "pass.h"

#if HAS_WORDS
#if LANES == 16
#define WORD_ROWS 12 /* that go through a product together: as many as the registers hold */
#else
#define WORD_ROWS 6
#endif
#define WORD_QUERIES (4 * WORD_ROWS)
#define WORD_KEYS (2 * LANES) /* positions of a tile of keys, two vectors for each pair of numbers */
#define WORD_VALUES 64        /* positions whose weighted values are added up in whole numbers */

/* Sums of 64 products of queries and keys, or of WORD_VALUES of weights and values, stay below
 * 2^31. */
#define KEY_CODE 4095
#define VALUE_CODE 2047
#define WEIGHT_CODE 16383
#define TO_WHOLE 12582912.0f /* 1.5 * 2^23: the sum's low bits are the rounded number */

/* Two products are added to each lane. */
INLINE vi dot2(vi total, vi a, vi b) {
#if LANES == 16
    return (vi)_mm512_dpwssd_epi32((__m512i)total, (__m512i)a, (__m512i)b);
#elif defined(__AVXVNNI__)
    return (vi)_mm256_dpwssd_avx_epi32((__m256i)total, (__m256i)a, (__m256i)b);
#else
    return total + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}

/* A head's numbers at one position times what makes the largest of them `code`; returns that. */
INLINE float scale_head(const void *numbers, int64_t at, int is_bf16, float code, float *scaled,
                        const int size) {
    vf most = {0};
    for (int d = 0; d < size; d += LANES) {
        vf x = load_kv(numbers, at + d, is_bf16);
        most = max_f(most, abs_f(x));
        store(scaled + d, x);
    }
    float magnitude = largest(most), factor = magnitude > 0 ? code / magnitude : 0;
    for (int d = 0; d < size; d += LANES) store(scaled + d, load(scaled + d) * factor + TO_WHOLE);
    return magnitude / code;
}

typedef struct {
    int32_t *keys, *values; /* tiles of pairs of numbers, and pairs of positions by numbers */
    float *key_scales, *value_logs, *value_shares; /* log2 of a value's scale, and 1 / scale */
} words;

/* Keys and values of n positions; behind them come zeros that weigh nothing. */
INLINE void pack_words(const words *to, const void *keys, const void *values, int n, int n_padded,
                       int is_bf16, const int size) {
    uint32_t row[64], next[64];
    for (int at = 0; at < n_padded; at++) {
        int32_t *tile = to->keys + (int64_t)(at / WORD_KEYS * WORD_KEYS) * size / 2;
        memset(row, 0, sizeof row);
        to->key_scales[at] =
            at < n ? scale_head(keys, (int64_t)at * size, is_bf16, KEY_CODE, (float *)row, size)
                   : 0;
        for (int i = 0; i < size / 2; i++)
            tile[i * WORD_KEYS + at % WORD_KEYS] =
                (int32_t)((row[2 * i] & 0xffff) | row[2 * i + 1] << 16);
    }
    for (int at = 0; at < n_padded; at += 2) {
        uint32_t *both[] = {row, next};
        for (int i = 0; i < 2; i++) {
            int here = at + i;
            memset(both[i], 0, sizeof row);
            to->value_logs[here] = -INFINITY;
            to->value_shares[here] = 0;
            if (here >= n) continue;
            float scale = scale_head(values, (int64_t)here * size, is_bf16, VALUE_CODE,
                                     (float *)both[i], size);
            if (scale < 1e-9f) scale = 1e-9f; /* a value of zeros takes its share too */
            to->value_logs[here] = log2f(scale);
            to->value_shares[here] = 1 / scale;
        }
        for (int d = 0; d < size; d++)
            to->values[(int64_t)at / 2 * size + d] = (int32_t)((row[d] & 0xffff) | next[d] << 16);
    }
}

/* Four codes in each lane, `zero` above what they mean, become two pairs of words. */
INLINE void words_of_codes(const uint8_t *codes, int zero, int32_t *first, int32_t *second) {
    vi x = *(const vi_u *)codes ^ (zero ? (int32_t)0x80808080 : 0);
    *(vi_u *)first = (x << 24 >> 24 & 0xffff) | (x << 16 >> 24 << 16);
    *(vi_u *)second = (x << 8 >> 24 & 0xffff) | (x >> 24 << 16);
}

/* The same of n positions of a head in eight bits; its codes are taken as they are. */
INLINE void pack_kept_words(const words *to, const uint8_t *head, int64_t half, int n,
                            int n_padded, const int size) {
    for (int at = 0; at < n_padded; at++) {
        int64_t scales = at / GROUP * group_size(size) + GROUP * size + at % GROUP * 4;
        float scale = 0;
        if (at < n) memcpy(&scale, head + scales, 4);
        to->key_scales[at] = scale;
        if (at < n) memcpy(&scale, head + half + scales, 4);
        if (scale < 1e-9f) scale = 1e-9f;
        to->value_logs[at] = at < n ? log2f(scale) : -INFINITY;
        to->value_shares[at] = at < n ? 1 / scale : 0;
    }
    n = (n + GROUP - 1) / GROUP * GROUP; /* what stands behind has a weight of 0 */
    for (int at = 0; at < n; at += LANES) {
        int32_t *tile = to->keys + (int64_t)(at / WORD_KEYS * WORD_KEYS) * size / 2;
        const uint8_t *codes = head + at / GROUP * group_size(size) + at % GROUP * 4;
        for (int d = 0; d < size; d += 4, tile += 2 * WORD_KEYS)
            words_of_codes(codes + d * GROUP, ZERO, tile + at % WORD_KEYS,
                           tile + WORD_KEYS + at % WORD_KEYS);
    }
    for (int at = 0; at < n; at += 4) {
        int32_t *pairs = to->values + (int64_t)at / 2 * size;
        const uint8_t *codes = head + half + at / GROUP * group_size(size) + at % GROUP * size;
        for (int d = 0; d < size; d += LANES)
            words_of_codes(codes + d * 4, 0, pairs + d, pairs + size + d);
    }
}

/* Some rows of words, `x_stride` apart, times two columns of vectors: n pairs of each. */
INLINE void block_words(const uint16_t *x, int64_t x_stride, const int32_t *columns,
                        int64_t column_stride, int n, vi totals[2][WORD_ROWS]) {
    vi sums0[WORD_ROWS] = {{0}}, sums1[WORD_ROWS] = {{0}};
    for (int i = 0; i < n; i++) {
        vi c0 = *(const vi_u *)(columns + i * column_stride);
        vi c1 = *(const vi_u *)(columns + i * column_stride + LANES);
        for (int r = 0; r < WORD_ROWS; r++) {
            int32_t pair;
            memcpy(&pair, x + r * x_stride + 2 * i, 4);
            sums0[r] = dot2(sums0[r], pair - (vi){0}, c0);
            sums1[r] = dot2(sums1[r], pair - (vi){0}, c1);
            PIN(sums0[r], sums1[r]);
        }
    }
    memcpy(totals[0], sums0, sizeof sums0);
    memcpy(totals[1], sums1, sizeof sums1);
}

/* Scores become weights; returns their sum. */
INLINE float weigh_words(const float *scores, const float *shares, float top, int end,
                         uint16_t *weights) {
    vf total = {0};
    for (int j = 0; j < end; j += LANES) {
        vf e = exp2_rough(load(scores + j) - top);
        total += e * load(shares + j);
        vu code = (vu)(e * WEIGHT_CODE + TO_WHOLE) & 0xffff;
        *(vh_u *)(weights + j) = __builtin_convertvector(code, vh);
    }
    return sum(total);
}

typedef struct {
    words packed;
    const float *query; /* (n_new, size) */
    float *scores, *y;  /* (WORD_QUERIES, ...) to work in */
    uint16_t *codes, *weights;
    int64_t stride; /* of scores and weights */
    int n_past, n_new, n_all, is_causal;
} head_in_words;

/* Scores of some queries: their products with the keys, and what the values' scales add. */
INLINE void score_words(const head_in_words *h, int first, int n, int end, vf *most,
                        const int size) {
    float scales[WORD_QUERIES] = {0}, row[64];
    float factor = LOG2_E / sqrtf((float)size);
    memset(h->codes, 0, sizeof(uint16_t) * WORD_QUERIES * size);
    for (int r = 0; r < n; r++) {
        scales[r] = factor * scale_head(h->query, (int64_t)(first + r) * size, 0, KEY_CODE, row,
                                        size);
        for (int d = 0; d < size; d += LANES)
            *(vh_u *)(h->codes + r * size + d) =
                __builtin_convertvector((vu)load(row + d) & 0xffff, vh);
    }
    for (int r = 0; r < WORD_QUERIES; r++) most[r] = splat(-INFINITY);
    for (int at = 0; at < end; at += WORD_KEYS)
        for (int r = 0; r < n; r += WORD_ROWS) {
            vi totals[2][WORD_ROWS];
            block_words(h->codes + r * size, size, h->packed.keys + (int64_t)at * size / 2,
                        WORD_KEYS, size / 2, totals);
            for (int part = 0; part < 2; part++) {
                vf key_scale = load(h->packed.key_scales + at + part * LANES);
                vf value_log = load(h->packed.value_logs + at + part * LANES);
                for (int i = 0; i < WORD_ROWS; i++) {
                    vf score = __builtin_convertvector(totals[part][i], vf) * key_scale;
                    score = score * scales[r + i] + value_log;
                    store(h->scores + (r + i) * h->stride + at + part * LANES, score);
                    most[r + i] = max_f(most[r + i], score);
                }
            }
        }
}

/* Queries from `first` on; their sums of values go to y, and what divides them to `totals`. */
INLINE int attend_words(const head_in_words *h, int first, float *totals, const int size) {
    int n = h->n_new - first < WORD_QUERIES ? h->n_new - first : WORD_QUERIES;
    int seen = h->is_causal ? h->n_past + first + n : h->n_all;
    int end = (seen + WORD_KEYS - 1) / WORD_KEYS * WORD_KEYS;
    vf most[WORD_QUERIES];
    score_words(h, first, n, end, most, size);
    for (int r = 0; r < n; r++) {
        float *scores = h->scores + r * h->stride, top = largest(most[r]);
        if (h->is_causal) { /* what is later is no part of the largest either */
            int length = h->n_past + first + r + 1;
            vf visible = splat(-INFINITY);
            for (int j = length; j < end; j++) scores[j] = -INFINITY;
            for (int j = 0; j < end; j += LANES) visible = max_f(visible, load(scores + j));
            top = largest(visible);
        }
        totals[r] = WEIGHT_CODE * weigh_words(scores, h->packed.value_shares, top, end,
                                              h->weights + r * h->stride);
    }
    memset(h->y, 0, sizeof(float) * WORD_QUERIES * size);
    for (int at = 0; at < end; at += WORD_VALUES) {
        int n_values = end - at < WORD_VALUES ? end - at : WORD_VALUES;
        for (int r = 0; r < n; r += WORD_ROWS)
            for (int d = 0; d < size; d += 2 * LANES) {
                vi sums[2][WORD_ROWS];
                block_words(h->weights + r * h->stride + at, h->stride,
                            h->packed.values + (int64_t)at / 2 * size + d, size, n_values / 2,
                            sums);
                for (int part = 0; part < 2; part++)
                    for (int i = 0; i < WORD_ROWS; i++) {
                        float *y = h->y + (r + i) * size + d + part * LANES;
                        store(y, load(y) + __builtin_convertvector(sums[part][i], vf));
                    }
            }
    }
    return n;
}

INLINE void attend_head_in_words(const pass *p, int item, scratch *here, const int size) {
    const cache *c = p->cache;
    int64_t n_heads = p->model->n_heads, width = p->model->width;
    int n_all = (int)(c->n_past + c->n_new);
    int64_t n_padded = (n_all + WORD_KEYS - 1) / WORD_KEYS * WORD_KEYS;
    int64_t bytes = c->kind == KV_BF16 ? 2 : 4, at = (int64_t)item * c->max_len * size;
    const char *keys = (const char *)c->layers[p->layer] + at * bytes;
    const char *values = keys + c->n_items * n_heads * c->max_len * size * bytes;
    int64_t stride = n_padded + 2 * LANES; /* rows must not push each other out of the cache */
    head_in_words h = {
        .packed = {take(here, 2 * n_padded * size), take(here, 2 * n_padded * size),
                   take(here, 4 * n_padded), take(here, 4 * n_padded), take(here, 4 * n_padded)},
        .query = (const float *)p->query + (int64_t)item * c->n_new * size,
        .scores = take(here, sizeof(float) * WORD_QUERIES * stride),
        .y = take(here, sizeof(float) * WORD_QUERIES * size),
        .codes = take(here, sizeof(uint16_t) * WORD_QUERIES * size),
        .weights = take(here, sizeof(uint16_t) * WORD_QUERIES * stride),
        .stride = stride, .n_past = (int)c->n_past, .n_new = (int)c->n_new, .n_all = n_all,
        .is_causal = p->is_causal};
    if (p->fresh)
        pack_kept_words(&h.packed, keep_fresh(p, item, size), head_bytes(c, size) / 2, n_all,
                        (int)n_padded, size);
    else
        pack_words(&h.packed, keys, values, n_all, (int)n_padded, c->kind == KV_BF16, size);
    for (int first = first_wanted(p); first < h.n_new; first += WORD_QUERIES) {
        float totals[WORD_QUERIES];
        int n = attend_words(&h, first, totals, size);
        float *to = p->attended + (item / n_heads * c->n_new + first) * width +
                    item % n_heads * size;
        for (int r = 0; r < n; r++)
            for (int d = 0; d < size; d += LANES)
                store(to + r * width + d, load(h.y + r * size + d) * (1 / totals[r]));
    }
}

static void attend_by_words(void *context, int item) {
    const pass *p = context;
    int64_t size = p->model->width / p->model->n_heads;
    int64_t n_padded = (p->cache->n_past + p->cache->n_new + 2 * WORD_KEYS);
    size_t packed_size = n_padded * (4 * size + 12);
    size_t query_size = WORD_QUERIES * (6 * (n_padded + 2 * LANES) + 6 * size);
    scratch *here = reserve_for_item(packed_size + query_size + 4096);
    if (!here)
        atomic_store(p->status, OUT_OF_MEMORY);
    else if (size == 64)
        attend_head_in_words(p, item, here, 64);
    else if (size == 32)
        attend_head_in_words(p, item, here, 32);
    else
        attend_head_in_words(p, item, here, 16);
}
#endif
