/* Norms and linear layers: what they are made of, and what becomes of their sums. */
#pragma once
#include "threads.h"
#include "vectors.h"

#define MOST_ROWS 8
#if LANES == 16
#define ROWS 8 /* that go through a product together: as many as the registers hold */
#else
#define ROWS 4
#endif
#define MAX_LEN 4096 /* positions that attention of few can see */
#define FEW_ROWS 16 /* up to here a product is split by its outputs, above by its rows */

enum { FLOAT32, INT8, INT4 };
enum { DONE, OUT_OF_MEMORY }; /* what a call returns */

typedef struct {
    int64_t kind, n_out, n_in;
    const void *weight;     /* FLOAT32: (n_out, n_in); else panels, see pack_int8 and int4.h */
    const float *scale;     /* INT8, INT4: (panels * LANES,) of an input whose scale is 1 */
    const int32_t *offset;  /* INT8, INT4: (panels * LANES,) what ZERO in every input adds up to */
    const float *bias;      /* (panels * LANES,) or NULL */
    const int32_t *limits;  /* INT8: as find_limits has them, or NULL */
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

/* Where the keys and values of a batch lie: (2, B, H, max_len, D) a layer, keys first; or in eight
 * bits as eight_bits.h has it. */
enum { KV_FLOAT32, KV_BF16, KV_INT8 };

typedef struct {
    int64_t n_items, n_new, n_past, max_len, kind;
    void *const *layers;
} cache;

INLINE int panels_of(const linear *l) { return (int)((l->n_out + LANES - 1) / LANES); }
INLINE int64_t padded(int64_t n_in) { return (n_in + 63) / 64 * 64; }
/* From row to row of codes: an odd number of cache lines, so that rows do not push each other out
 * of the cache. */
INLINE int64_t code_stride(int64_t n_in) { return padded(n_in) | 64; }

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

/* Four products of two bytes are added to each lane. Where the processor wants the left ones
 * unsigned they stand ZERO above what they mean, and the sum has that much too much. */
#if defined(__AVX512VNNI__)
#define ZERO 128
INLINE vi dot4(vi total, vi codes, vi weights) {
    return (vi)_mm512_dpbusd_epi32((__m512i)total, (__m512i)codes, (__m512i)weights);
}
#elif defined(__AVXVNNI__)
#define ZERO 128
INLINE vi dot4(vi total, vi codes, vi weights) {
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)total, (__m256i)codes, (__m256i)weights);
}
#elif defined(__AVX2__)
#define ZERO 0
INLINE vi dot4(vi total, vi codes, vi weights) {
    /* One factor has to be unsigned: its sign goes to the other. Two products stay below 2^15. */
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)weights),
                                         _mm256_sign_epi8((__m256i)codes, (__m256i)weights));
    return total + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
#elif defined(__ARM_FEATURE_DOTPROD)
#define ZERO 0
INLINE vi dot4(vi total, vi codes, vi weights) {
    return (vi)vdotq_s32((int32x4_t)total, (int8x16_t)codes, (int8x16_t)weights);
}
#else
#define ZERO 0
#define SLOW_BYTES
INLINE vi dot4(vi total, vi codes, vi weights) {
    for (int byte = 0; byte < 32; byte += 8) {
        vi code = (vi)((vu)codes << (24 - byte)) >> 24;
        total += code * ((vi)((vu)weights << (24 - byte)) >> 24);
    }
    return total;
}
#endif

/* The same of codes within 0 to 127, whatever the processor wants. */
INLINE vi dot4_positive(vi total, vi codes, vi weights) {
#if defined(__AVX2__) && ZERO == 0
    __m256i pairs = _mm256_maddubs_epi16((__m256i)codes, (__m256i)weights);
    return total + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#else
    return dot4(total, codes, weights);
#endif
}

/* Codes of a row, and the scale that turns them back. What lies between the row's end and the
 * next multiple of 64 meets weights of 0. */
INLINE float quantize_row_around(int zero, const float *x, int64_t n, uint8_t *codes) {
    vf most = {0};
    for (int64_t i = 0; i < n; i += LANES) most = max_f(most, abs_f(load(x + i)));
    float magnitude = largest(most);
    float factor = magnitude > 0 ? 127 / magnitude : 0;
    for (int64_t i = 0; i < n; i += LANES) {
        vf code = load(x + i) * factor + (12582912.0f + zero); /* 1.5 * 2^23: rounds to even */
        store_bytes(codes + i, (vu)code);
    }
    return magnitude / 127;
}

static float quantize_row(const float *x, int64_t n, uint8_t *codes) {
    return quantize_row_around(ZERO, x, n, codes);
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
    float *fresh; /* (2, B, H, T, D) for a cache of eight bits, which attention puts in; or NULL */
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

/* Vectors of results for some rows, from result n on, go into the heads. */
static void finish_heads(const linear *l, const result *to, int row, int n_rows, int n,
                         const vf *y) {
    const cache *c = to->cache;
    int64_t size = to->head_size, width = l->n_out / 3, part = n / width;
    int in_cache = part && !to->fresh;
    int64_t n_positions = in_cache ? c->max_len : c->n_new; /* of (2, B, H, ..., D) or (B, H, T, D) */
    int64_t at = n % width / size * n_positions * size + n % size;
    if (part) at += (part - 1) * c->n_items * to->n_heads * n_positions * size;
    if (in_cache) at += c->n_past * size;
    void *base = in_cache ? to->kv : part ? to->fresh : to->query;
    int is_bf16 = part ? in_cache && c->kind == KV_BF16 : to->query_is_bf16;
    int item = row / (int)c->n_new, t = row % (int)c->n_new;
    for (int r = 0; r < n_rows; r++) {
        int64_t here = at + (item * to->n_heads * n_positions + t) * size;
        if (is_bf16)
            to_bf16((uint16_t *)base + here, y[r]);
        else
            store((float *)base + here, y[r]);
        if (++t == c->n_new) t = 0, item++;
    }
}

/* Vectors of results for some rows, from result n on. */
INLINE void finish(const linear *l, const result *to, int row, int n_rows, int n, vf *y) {
    if (l->bias)
        for (int r = 0; r < n_rows; r++) y[r] += load(l->bias + n);
    if (to->to == QKV) {
        finish_heads(l, to, row, n_rows, n, y);
        return;
    }
    if (to->to == GELU)
        for (int r = 0; r < n_rows; r++) y[r] = gelu(y[r]);
    float *target = to->y + row * to->stride + n;
    int n_left = (int)l->n_out - n; /* the last panel may be a narrow one */
    for (int r = 0; r < n_rows; r++, target += to->stride) {
        if (n_left >= LANES)
            store(target, to->to == ADD ? load(target) + y[r] : y[r]);
        else
            for (int i = 0; i < n_left; i++) target[i] = y[r][i] + (to->to == ADD ? target[i] : 0);
    }
}

/* Panels of eight-bit weights: as many outputs as a vector has lanes by four inputs lie together,
 * four of one output in a lane. */
INLINE const int8_t *int8_panel(const linear *l, int panel) {
    return (const int8_t *)l->weight + (int64_t)panel * padded(l->n_in) * LANES;
}

#define FINISHED_ROWS 72 /* at most, at once */

/* Sums of codes for some rows become results. */
INLINE void finish_int8(const linear *l, const result *to, const float *scales, int row,
                        int n_rows, int n, const vi *totals) {
    vi offset = *(const vi_u *)(l->offset + n);
    vf scale = load(l->scale + n), y[FINISHED_ROWS];
    for (int r = 0; r < n_rows; r++)
        y[r] = __builtin_convertvector(totals[r] - offset, vf) * scale * scales[row + r];
    finish(l, to, row, n_rows, n, y);
}

#define WEIGHTS_AHEAD 8192 /* bytes that are fetched before they are needed */
