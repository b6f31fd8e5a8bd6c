/* Attention of a few new positions over all that are in the cache. */
#pragma once
#include "eight_bits.h"

typedef struct {
    const cache *cache;
    const float *query; /* (B, H, T, D) */
    void *kv;
    const float *fresh; /* as result has it */
    float *y;           /* (B, T, H D) */
    int64_t n_heads, head_size;
} attention;

#define AHEAD 64 /* positions that are fetched before they are needed, into the second cache */

INLINE vf load_kv(const void *p, int64_t at, const int is_bf16) {
    return is_bf16 ? from_bf16((const uint16_t *)p + at) : load((const float *)p + at);
}

/* A query with the key at a position, still a vector to be summed. */
INLINE vf key_product(const vf *q, const void *keys, int64_t at, const int parts,
                      const int is_bf16) {
#if LANES == 16 && defined(__AVX512BF16__)
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
    (void)is_bf16;
#if LANES == 16 && defined(__AVX512BF16__)
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

#if LANES == 16 && defined(__AVX512BF16__)
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
#if LANES == 16 && defined(__AVX512BF16__)
    if (is_bf16 && parts % 2 == 0)
        at = add_value_pairs(sum_of_values, scores, values, length, parts);
#endif
    add_values(sum_of_values, scores, values, at, length, parts, is_bf16);
    float factor = 1 / sum(total);
    for (int i = 0; i < parts; i++) store(y + i * LANES, sum_of_values[i] * factor);
}

/* A head of an item whose keys and values have eight bits. */
static void attend_kept_head(const attention *a, int item) {
    const cache *c = a->cache;
    int64_t size = a->head_size, half = head_bytes(c, size) / 2, n = c->n_new * size;
    const float *values = a->fresh + c->n_items * a->n_heads * n;
    uint8_t *head = (uint8_t *)a->kv + item * head_bytes(c, size);
    keep_positions(c, head, a->fresh + item * n, values + item * n, size);
    for (int64_t t = 0; t < c->n_new; t++) {
        const float *query = a->query + item * n + t * size;
        float *y = a->y + ((item / a->n_heads * c->n_new + t) * a->n_heads + item % a->n_heads) * size;
        int length = (int)(c->n_past + t + 1);
        if (size == 64)
            attend_kept(query, head, half, length, y, 64);
        else if (size == 32)
            attend_kept(query, head, half, length, y, 32);
        else
            attend_kept(query, head, half, length, y, 16);
    }
}

static void attend_head(void *context, int item) {
    const attention *a = context;
    const cache *c = a->cache;
    if (c->kind == KV_INT8) {
        attend_kept_head(a, item);
        return;
    }
    int64_t size = a->head_size, at = item * c->max_len * size;
    int64_t values_at = at + c->n_items * a->n_heads * c->max_len * size;
    int64_t in_batch = item / a->n_heads, head = item % a->n_heads;
    int bytes = c->kind == KV_BF16 ? 2 : 4;
    const char *keys = (const char *)a->kv + at * bytes;
    const char *values = (const char *)a->kv + values_at * bytes;
    for (int64_t t = 0; t < c->n_new; t++) {
        const float *query = a->query + (item * c->n_new + t) * size;
        float *y = a->y + ((in_batch * c->n_new + t) * a->n_heads + head) * size;
        int length = (int)(c->n_past + t + 1);
#define ATTEND(parts)                                                        \
    (c->kind == KV_BF16 ? attend(query, keys, values, length, y, parts, 1)           \
                        : attend(query, keys, values, length, y, parts, 0))
        if (size == 64)
            ATTEND(64 / LANES);
        else if (size == 32)
            ATTEND(32 / LANES);
        else
            ATTEND(16 / LANES);
    }
}
