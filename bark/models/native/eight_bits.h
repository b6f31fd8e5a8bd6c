/* Keys and values in eight bits, a scale for each position and head.
 *
 * A head of a layer: (2, max_len, D + 4) bytes, keys first, in groups of sixteen positions: first
 * their codes, then their scales. Of keys four numbers of a position lie together and the
 * positions side by side, (D / 4, 16, 4), of values four positions of a number, (4, D, 4): so both
 * products of attention add up in the lanes, and whole numbers. What they are multiplied with,
 * queries and weights, has fourteen bits, in two parts of seven, so that its rounding is small
 * beside that of the codes. */
#pragma once
#include "linear.h"

#define GROUP 16
#define GROUP_VECTORS (GROUP / LANES) /* vectors that a group's positions make up */
#define MOST_QUERY (63 * 127)
#define MOST_WEIGHT (127 * 129) /* 127 * 128 + 127 */

INLINE int64_t group_size(int64_t size) { return GROUP * (size + 4); }

/* Where the keys of a head lie; its values lie half of `head_bytes` behind them. */
INLINE int64_t head_bytes(const cache *c, int64_t size) { return 2 * c->max_len * (size + 4); }

INLINE float code_factor(const float *x, int64_t size, float *scale) {
    vf most = {0};
    for (int64_t i = 0; i < size; i += LANES) most = max_f(most, abs_f(load(x + i)));
    float magnitude = largest(most);
    *scale = magnitude / 127;
    return magnitude > 0 ? 127 / magnitude : 0;
}

/* Codes around `zero` of a row. */
INLINE void code_row(const float *x, int64_t size, float factor, int zero, uint8_t *codes) {
    for (int64_t i = 0; i < size; i += LANES) {
        vf code = load(x + i) * factor + (12582912.0f + zero); /* 1.5 * 2^23: rounds to even */
        store_bytes(codes + i, (vu)code);
    }
}

/* Puts the key and the value (D,) of a position into a head. */
static void keep_position(uint8_t *head, int64_t half, int64_t position, const float *key,
                          const float *value, int64_t size) {
    uint8_t codes[64], *group = head + position / GROUP * group_size(size);
    int64_t in_group = position % GROUP;
    float scale;
    code_row(key, size, code_factor(key, size, &scale), ZERO, codes);
    for (int64_t d = 0; d < size; d += 4) memcpy(group + d * GROUP + in_group * 4, codes + d, 4);
    memcpy(group + GROUP * size + in_group * 4, &scale, 4);
    group += half;
    code_row(value, size, code_factor(value, size, &scale), 0, codes);
    uint8_t *to = group + in_group / 4 * 4 * size + in_group % 4;
    for (int64_t d = 0; d < size; d++) to[d * 4] = codes[d];
    memcpy(group + GROUP * size + in_group * 4, &scale, 4);
}

/* Puts the new positions (T, D) of a head into it. */
static void keep_positions(const cache *c, uint8_t *head, const float *keys, const float *values,
                           int64_t size) {
    for (int64_t t = 0; t < c->n_new; t++)
        keep_position(head, head_bytes(c, size) / 2, c->n_past + t, keys + t * size,
                      values + t * size, size);
}

/* The key and the value (D,) of a position, as they are kept. */
static void kept_position(const uint8_t *head, int64_t half, int64_t position, float *key,
                          float *value, int64_t size) {
    const uint8_t *group = head + position / GROUP * group_size(size);
    int64_t in_group = position % GROUP;
    const uint8_t *four = group + in_group * 4;
    float scale;
    memcpy(&scale, group + GROUP * size + in_group * 4, 4);
    for (int64_t d = 0; d < size; d++)
        key[d] = (int8_t)(four[d / 4 * 4 * GROUP + d % 4] - ZERO) * scale;
    group += half;
    memcpy(&scale, group + GROUP * size + in_group * 4, 4);
    const uint8_t *one = group + in_group / 4 * 4 * size + in_group % 4;
    for (int64_t d = 0; d < size; d++) value[d] = (int8_t)one[d * 4] * scale;
}

/* A query in two parts, four numbers of each to a code; returns what an input of one code is. */
INLINE float split_query(const float *query, int64_t size, int32_t *high, int32_t *low,
                         int32_t *offset) {
    float scale;
    float factor = code_factor(query, size, &scale) * (MOST_QUERY / 127.0f);
    uint8_t high_bytes[64], low_bytes[64];
    int32_t total = 0;
    for (int64_t i = 0; i < size; i += LANES) {
        vi code = (vi)(load(query + i) * factor + 12582912.0f) - 0x4b400000;
        store_bytes(high_bytes + i, (vu)(code >> 7));
        store_bytes(low_bytes + i, (vu)code & 127);
        for (int j = 0; j < LANES; j++) total += code[j];
    }
    memcpy(high, high_bytes, size);
    memcpy(low, low_bytes, size);
    *offset = ZERO * total;
    return scale * (127.0f / MOST_QUERY);
}

INLINE void fetch_group(const uint8_t *group, int64_t size) {
    for (int64_t i = 0; i < group_size(size); i += 64) __builtin_prefetch(group + i, 0, 2);
}

/* Weights (n,) become whole numbers in two parts, zero behind the last one; returns what a weight
 * of one is. */
INLINE float split_weights(float *weights, int length, uint8_t *high, uint8_t *low) {
    int end = (length + GROUP - 1) / GROUP * GROUP;
    vf most = {0};
    for (int j = length; j < end; j++) weights[j] = 0;
    for (int j = 0; j < end; j += LANES) most = max_f(most, load(weights + j));
    float top = largest(most), factor = top > 0 ? MOST_WEIGHT / top : 0;
    for (int j = 0; j < end; j += LANES) {
        vi code = (vi)(load(weights + j) * factor + 12582912.0f) - 0x4b400000;
        store_bytes(high + j, (vu)(code >> 7));
        store_bytes(low + j, (vu)code & 127);
    }
    return top / MOST_WEIGHT;
}

#define NUMBERS 4 /* vectors of numbers of the values that are added up together */

/* Sums of a head's values (n, D), weighted. */
INLINE void add_kept_values(const uint8_t *values, const uint8_t *high, const uint8_t *low,
                            int length, float factor, float *y, const int size) {
    const int n = size / LANES < NUMBERS ? size / LANES : NUMBERS;
    for (int d = 0; d < size; d += n * LANES) {
        vi high_sums[NUMBERS] = {{0}}, low_sums[NUMBERS] = {{0}};
        for (int at = 0; at < length; at += GROUP) {
            const uint8_t *group = values + at / GROUP * group_size(size) + d * 4;
            if (!d) fetch_group(group + 4 * group_size(size), size);
            for (int four = 0; four < GROUP; four += 4, group += 4 * size) {
                int32_t h, l;
                memcpy(&h, high + at + four, 4);
                memcpy(&l, low + at + four, 4);
                for (int i = 0; i < n; i++) {
                    vi v = *(const vi_u *)(group + i * 4 * LANES);
                    high_sums[i] = dot4_positive(high_sums[i], h - (vi){0}, v);
                    low_sums[i] = dot4_positive(low_sums[i], l - (vi){0}, v);
                }
            }
        }
        for (int i = 0; i < n; i++)
            store(y + d + i * LANES, (__builtin_convertvector(high_sums[i], vf) * 128 +
                                      __builtin_convertvector(low_sums[i], vf)) * factor);
    }
}

/* One query over the first `length` positions of a head. */
INLINE void attend_kept(const float *query, const uint8_t *head, int64_t half, int length,
                        float *y, const int size) {
    float scores[MAX_LEN + GROUP];
    uint8_t high_weights[MAX_LEN + GROUP], low_weights[MAX_LEN + GROUP];
    int32_t high[16], low[16], offset;
    float factor = split_query(query, size, high, low, &offset) * LOG2_E / sqrtf((float)size);
    vf most = splat(-INFINITY), total = {0};
    int end = (length + GROUP - 1) / GROUP * GROUP;
    for (int at = 0; at < end; at += GROUP) {
        const uint8_t *group = head + at / GROUP * group_size(size);
        vi high_sums[GROUP_VECTORS] = {{0}}, low_sums[GROUP_VECTORS] = {{0}};
        fetch_group(group + 4 * group_size(size), size);
        for (int d = 0; d < size / 4; d++)
            for (int i = 0; i < GROUP_VECTORS; i++) {
                vi keys = *(const vi_u *)(group + d * 4 * GROUP + i * 4 * LANES);
                high_sums[i] = dot4(high_sums[i], keys, high[d] - (vi){0});
                if (ZERO) /* then the keys are the unsigned ones */
                    low_sums[i] = dot4(low_sums[i], keys, low[d] - (vi){0});
                else
                    low_sums[i] = dot4_positive(low_sums[i], low[d] - (vi){0}, keys);
            }
        for (int i = 0; i < GROUP_VECTORS; i++) {
            vi whole = high_sums[i] * 128 + low_sums[i] - offset;
            vf scale = load((const float *)(group + GROUP * size) + i * LANES);
            vf score = __builtin_convertvector(whole, vf) * factor * scale;
            store(scores + at + i * LANES, score);
        }
    }
    for (int j = length; j < end; j++) scores[j] = -INFINITY;
    for (int j = 0; j < end; j += LANES) most = max_f(most, load(scores + j));
    float top = largest(most);
    const uint8_t *values = head + half;
    for (int j = 0; j < end; j += LANES) {
        vf e = exp2_f(load(scores + j) - top);
        total += e;
        const float *scale = (const float *)(values + j / GROUP * group_size(size) + GROUP * size);
        store(scores + j, e * load(scale + j % GROUP));
    }
    float of_one = split_weights(scores, length, high_weights, low_weights) / sum(total);
    add_kept_values(values, high_weights, low_weights, length, of_one, y, size);
}
