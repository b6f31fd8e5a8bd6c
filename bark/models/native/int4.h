/* Weights of four bits, by groups of an output's inputs.
 *
 * A weight is a code (-8 to 7) times its group's multiplier (-15 to 15) times its output's scale.
 * Code times multiplier is a whole number of eight bits, so sums are whole numbers here too: a few
 * rows add up codes and multiply the sum of each group, many rows are given the eight-bit weights,
 * and both come to the same. Inputs are 8192 at most. */
#pragma once
#include "linear.h"

#define INPUT_GROUP 32
#define MOST_CODE 8
#define MOST_MULTIPLIER 15

typedef int8_t vc VECTOR(int8_t);
typedef int8_t vc_u UNALIGNED(int8_t);
typedef int16_t vs __attribute__((vector_size(LANES * sizeof(int32_t))));

/* A panel: the multipliers, of all outputs for each group; then the codes, a vector for eight
 * inputs: four of one output in a lane, and in the upper halves of the bytes the next four. */
INLINE int64_t multipliers_size(int64_t n_in) {
    return (padded(n_in) / INPUT_GROUP * LANES + 63) / 64 * 64;
}
INLINE int64_t int4_panel_size(int64_t n_in) {
    return multipliers_size(n_in) + padded(n_in) * LANES / 2;
}
INLINE const int8_t *int4_panel(const linear *l, int panel) {
    return (const int8_t *)l->weight + panel * int4_panel_size(l->n_in);
}

INLINE vi load_multipliers(const int8_t *p) {
#if LANES == 16
    return (vi)_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif defined(__AVX2__)
    return (vi)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    return __builtin_convertvector(*(const vc_u *)p, vi);
#endif
}

/* A sum is done with before what comes next is loaded: compilers would else multiply first, and have
 * no register left for the products. */
#if defined(__x86_64__)
#define DONE_WITH(a) __asm__ volatile("" : "+v"(a))
#else
#define DONE_WITH(a) (void)0
#endif

#if defined(__AVX2__) && !defined(__AVX512VNNI__) && !defined(__AVXVNNI__)
/* Bytes above 0 times codes: eight such sums of two products fit into sixteen bits, so a group is
 * added up there, and one instruction multiplies and widens it. */
#define ZERO4 128
#define CODE_SHIFT 0
#define SUMS 1
INLINE void load_codes(const int8_t *p, vi *first, vi *next) {
    const __m256i signs = _mm256_setr_epi8(
        0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6,
        -5, -4, -3, -2, -1);
    vi both = *(const vi_u *)p, lower = 0x0f0f0f0f - (vi){0};
    *first = (vi)_mm256_shuffle_epi8(signs, (__m256i)(both & lower));
    *next = (vi)_mm256_shuffle_epi8(signs, (__m256i)((vi)((vu)both >> 4) & lower));
}
INLINE vi add_codes(vi sum, vi codes, vi weights) {
    return (vi)((vs)sum + (vs)_mm256_maddubs_epi16((__m256i)codes, (__m256i)weights));
}
INLINE vi add_group(vi total, vi sum, vi multiplier) {
    vi both_halves = (multiplier & 0xffff) | (vi)((vu)multiplier << 16);
    return total + (vi)_mm256_madd_epi16((__m256i)sum, (__m256i)both_halves);
}
#else
#define ZERO4 ZERO
#define CODE_SHIFT 4
#define SUMS 2
/* The codes of two times four inputs, sixteenfold: in the upper halves of bytes they have signs. */
INLINE void load_codes(const int8_t *p, vi *first, vi *next) {
    vi both = *(const vi_u *)p, upper = (int32_t)0xf0f0f0f0 - (vi){0};
    *first = (vi)((vu)both << 4) & upper;
    *next = both & upper;
}
INLINE vi add_codes(vi sum, vi codes, vi weights) { return dot4(sum, codes, weights); }
INLINE vi add_group(vi total, vi sum, vi multiplier) { return total + sum * multiplier; }
#endif

INLINE void panel_int4(const linear *l, const result *to, const uint8_t *codes,
                       const float *scales, int row, int panel, const int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    const int8_t *multipliers = int4_panel(l, panel);
    const int8_t *weights = multipliers + multipliers_size(l->n_in);
    codes += row * stride;
    const int n_sums = n_rows < 4 ? SUMS : 1; /* of a row, so that one need not wait for the other */
    vi total[MOST_ROWS] = {{0}};
    for (int64_t group = 0; group < n_in / INPUT_GROUP; group++, weights += INPUT_GROUP * LANES / 2) {
        vi sum[MOST_ROWS][2] = {{{0}}};
        for (int i = 0; i < INPUT_GROUP; i += 8) {
            const int8_t *here = weights + i * LANES / 2;
            vi w[2];
            __builtin_prefetch(here + WEIGHTS_AHEAD, 0, 3);
            load_codes(here, &w[0], &w[1]);
            for (int half = 0; half < 2; half++)
                for (int r = 0; r < n_rows; r++) {
                    int32_t four;
                    memcpy(&four, codes + r * stride + group * INPUT_GROUP + i + 4 * half, 4);
                    vi *to_add = &sum[r][half % n_sums];
                    *to_add = add_codes(*to_add, four - (vi){0}, w[half]);
                    DONE_WITH(*to_add);
                }
        }
        vi multiplier = load_multipliers(multipliers + group * LANES);
        for (int r = 0; r < n_rows; r++)
            total[r] = add_group(total[r], sum[r][0] + sum[r][1], multiplier);
    }
    /* Without ZERO they fit, and are multiples. */
    vi offset = *(const vi_u *)(l->offset + panel * LANES);
    for (int r = 0; r < n_rows; r++)
        total[r] = ((total[r] - (offset << CODE_SHIFT)) >> CODE_SHIFT) + offset;
    finish_int8(l, to, scales, row, n_rows, panel * LANES, total);
}

/* ------------------------------------------------------------------------------------------ */
/* For many rows                                                                                */

/* Codes times multipliers, byte by byte. */
INLINE vi widened(vi codes, vs multiplier) {
    vs even = (vs)((vu)codes << 8), odd = (vs)codes;
    even = (even >> (8 + CODE_SHIFT)) * multiplier; /* the lower of two bytes, from their top */
    odd = (odd >> (8 + CODE_SHIFT)) * multiplier;
    return ((vi)even & 0x00ff00ff) | ((vi)odd << 8 & (int32_t)0xff00ff00);
}

typedef struct {
    const linear *from;
    int8_t *to;
} widening;

static void widen_panel(void *context, int panel) {
    const widening *w = context;
    int64_t n_in = padded(w->from->n_in);
    const int8_t *multipliers = int4_panel(w->from, panel);
    const int8_t *codes = multipliers + multipliers_size(n_in);
    int8_t *to = w->to + panel * n_in * LANES;
    for (int64_t k = 0; k < n_in; k += 8) {
        vi one = load_multipliers(multipliers + k / INPUT_GROUP * LANES), first, next;
        vs multiplier = (vs)((one & 0xffff) | (vi)((vu)one << 16));
        load_codes(codes + k * LANES / 2, &first, &next);
        *(vi_u *)(to + k * LANES) = widened(first, multiplier);
        *(vi_u *)(to + (k + 4) * LANES) = widened(next, multiplier);
    }
}

/* Bytes of a layer's weights and offsets in eight bits; 0 for a layer that is not in four. */
INLINE int64_t widened_size(const linear *l) {
    return l->kind == INT4 ? panels_of(l) * LANES * (padded(l->n_in) + 4) : 0;
}

/* The layer in eight bits, its weights at `*room`, which moves behind them. */
static linear widen(int has_workers, const linear *l, int8_t **room) {
    linear wide = *l;
    if (l->kind != INT4) return wide;
    widening w = {l, *room};
    for_each(has_workers, panels_of(l), widen_panel, &w);
    wide.kind = INT8;
    wide.weight = *room;
    int64_t n_outputs = panels_of(l) * LANES;
    int32_t *offset = (int32_t *)(*room + n_outputs * padded(l->n_in));
    for (int64_t i = 0; i < n_outputs; i++) offset[i] = ZERO == ZERO4 ? l->offset[i] : 0;
    wide.offset = offset;
    *room += widened_size(l);
    return wide;
}

/* ------------------------------------------------------------------------------------------ */
/* Packing                                                                                      */

/* Codes of a group's weights for one multiplier; returns the squared error. */
INLINE float code_group(const float *weights, float step, float *codes) {
    vf error = {0};
    for (int i = 0; i < INPUT_GROUP; i += LANES) {
        vf w = load(weights + i), code = w * (1 / step) + 12582912.0f; /* 1.5 * 2^23: rounds */
        code = min_f(max_f(code - 12582912.0f, splat(-MOST_CODE)), splat(MOST_CODE - 1));
        vf off = code * step - w;
        error += off * off;
        store(codes + i, code);
    }
    return sum(error);
}

/* The multiplier with the smallest squared error, found by trying those that come near, and its
 * codes; 0 for a group that is nearest to nothing. */
static int pack_group(const float *weights, float unit, float *codes) {
    float least = 0, most = 0, tried[INPUT_GROUP];
    for (int i = 0; i < INPUT_GROUP; i++) {
        least += weights[i] * weights[i];
        most = fabsf(weights[i]) > most ? fabsf(weights[i]) : most;
        codes[i] = 0;
    }
    int best = 0, near = unit > 0 ? (int)lrintf(most / (MOST_CODE * unit)) : 0;
    for (int m = near / 2 + 1; m <= near + 2 && m <= MOST_MULTIPLIER; m++)
        for (int sign = -1; sign <= 1; sign += 2) {
            float error = code_group(weights, (float)(sign * m) * unit, tried);
            if (!(error < least)) continue;
            least = error;
            best = sign * m;
            memcpy(codes, tried, sizeof tried);
        }
    return best;
}

typedef struct {
    const float *weight;
    int64_t n_out, n_in;
    int8_t *codes;
    float *scale;
    int32_t *offset;
} packing;

static void pack_panel4(void *context, int panel) {
    const packing *p = context;
    int64_t n_in = p->n_in;
    int8_t *multipliers = p->codes + panel * int4_panel_size(n_in);
    uint8_t *to = (uint8_t *)multipliers + multipliers_size(n_in);
    memset(multipliers, 0, int4_panel_size(n_in));
    for (int o = 0; o < LANES; o++) {
        int64_t output = (int64_t)panel * LANES + o;
        p->scale[output] = 0;
        p->offset[output] = 0;
        if (output >= p->n_out) continue;
        const float *row = p->weight + output * n_in;
        float magnitude = 0;
        for (int64_t k = 0; k < n_in; k++)
            magnitude = fabsf(row[k]) > magnitude ? fabsf(row[k]) : magnitude;
        float unit = magnitude / (MOST_CODE * MOST_MULTIPLIER);
        int32_t total = 0;
        for (int64_t k = 0; k < n_in; k += INPUT_GROUP) {
            float weights[INPUT_GROUP] = {0}, codes[INPUT_GROUP];
            int64_t n = n_in - k < INPUT_GROUP ? n_in - k : INPUT_GROUP;
            memcpy(weights, row + k, sizeof(float) * n);
            int multiplier = pack_group(weights, unit, codes);
            multipliers[k / INPUT_GROUP * LANES + o] = (int8_t)multiplier;
            for (int i = 0; i < n; i++) {
                int code = (int)codes[i];
                int64_t at = (k + i) / 8 * 4 * LANES + o * 4 + i % 4;
                to[at] |= (uint8_t)((code & 15) << (i % 8 < 4 ? 0 : 4));
                total += code * multiplier;
            }
        }
        p->scale[output] = unit;
        p->offset[output] = ZERO4 * total;
    }
}
