/* Norms and linear layers, in float32 and in eight bits. */
#pragma once
#include "threads.h"
#include "vectors.h"

#define MOST_ROWS 8
#if LANES == 16
#define ROWS 8 /* that go through a product together: as many as the registers hold */
#else
#define ROWS 4
#endif
#define FEW_ROWS 16 /* up to here a product is split by its outputs, above by its rows */

enum { FLOAT32, INT8 };
enum { DONE, OUT_OF_MEMORY }; /* what a call returns */

typedef struct {
    int64_t kind, n_out, n_in;
    const void *weight;     /* FLOAT32: (n_out, n_in); INT8: panels, see pack_int8 */
    const float *scale;     /* INT8: (panels * LANES,) of an input whose scale is 1 */
    const int32_t *offset;  /* INT8: (panels * LANES,) what ZERO in every input adds up to */
    const float *bias;      /* (panels * LANES,) or NULL */
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

/* Codes of a row, and the scale that turns them back. What lies between the row's end and the
 * next multiple of 64 meets weights of 0. */
static float quantize_row(const float *x, int64_t n, uint8_t *codes) {
    vf most = {0};
    for (int64_t i = 0; i < n; i += LANES) most = max_f(most, abs_f(load(x + i)));
    float magnitude = largest(most);
    float factor = magnitude > 0 ? 127 / magnitude : 0;
    for (int64_t i = 0; i < n; i += LANES) {
        vf code = load(x + i) * factor + (12582912.0f + ZERO); /* 1.5 * 2^23: rounds to even */
        *(vb_u *)(codes + i) = __builtin_convertvector((vu)code & 0xff, vb);
    }
    return magnitude / 127;
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

/* Vectors of results for some rows, from result n on, go into the heads. */
static void finish_heads(const linear *l, const result *to, int row, int n_rows, int n,
                         const vf *y) {
    const cache *c = to->cache;
    int64_t size = to->head_size, width = l->n_out / 3, part = n / width;
    int64_t n_positions = part ? c->max_len : c->n_new; /* (2, B, H, max_len, D) or (B, H, T, D) */
    int64_t at = n % width / size * n_positions * size + n % size;
    if (part) at += ((part - 1) * c->n_items * to->n_heads * n_positions + c->n_past) * size;
    void *base = part ? to->kv : to->query;
    int is_bf16 = part ? (int)c->is_bf16 : to->query_is_bf16;
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

/* Sums of codes for some rows become results. */
INLINE void finish_int8(const linear *l, const result *to, const float *scales, int row,
                        int n_rows, int n, const vi *totals) {
    vi offset = *(const vi_u *)(l->offset + n);
    vf scale = load(l->scale + n), y[LANES];
    for (int r = 0; r < n_rows; r++)
        y[r] = __builtin_convertvector(totals[r] - offset, vf) * scale * scales[row + r];
    finish(l, to, row, n_rows, n, y);
}

#define WEIGHTS_AHEAD 8192 /* bytes that are fetched before they are needed */

INLINE void panel_int8(const linear *l, const result *to, const uint8_t *codes,
                       const float *scales, int row, int panel, const int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    const int8_t *weights = int8_panel(l, panel);
    codes += row * stride;
    const int n_sums = n_rows < 4 ? 2 : 1; /* of a row, so that one need not wait for the other */
    vi total[MOST_ROWS][2] = {{{0}}};
    for (int64_t k = 0; k < n_in; k += 8) {
        __builtin_prefetch(weights + k * LANES + WEIGHTS_AHEAD, 0, 2);
        __builtin_prefetch(weights + k * LANES + WEIGHTS_AHEAD + 64, 0, 2);
        for (int half = 0; half < 2; half++) {
            vi w = *(const vi_u *)(weights + (k + 4 * half) * LANES);
            for (int r = 0; r < n_rows; r++) {
                int32_t four;
                memcpy(&four, codes + r * stride + k + 4 * half, 4);
                total[r][half % n_sums] = dot4(total[r][half % n_sums], four - (vi){0}, w);
            }
        }
    }
    vi sums_of[MOST_ROWS];
    for (int r = 0; r < n_rows; r++) sums_of[r] = total[r][0] + total[r][1];
    finish_int8(l, to, scales, row, n_rows, panel * LANES, sums_of);
}

#define BLOCK 768 /* inputs that are gone through for a whole panel, so that they stay near */

INLINE void panel_float(const linear *l, const result *to, const float *x, int row, int panel,
                        const int n_rows, const int n_at_once) {
    int64_t n_in = l->n_in;
    int n = panel * LANES, n_left = (int)l->n_out - n;
    vf totals[MOST_ROWS][LANES] = {{{0}}};
    x += row * n_in;
    for (int64_t begin = 0; begin < n_in; begin += BLOCK) {
        int64_t end = begin + BLOCK < n_in ? begin + BLOCK : n_in;
        for (int o = 0; o < LANES; o += n_at_once) {
            const float *weights[MOST_ROWS];
            vf total[MOST_ROWS][MOST_ROWS];
            for (int i = 0; i < n_at_once; i++) { /* behind the last output comes it again */
                int output = n + (o + i < n_left ? o + i : n_left - 1);
                weights[i] = (const float *)l->weight + output * n_in;
                for (int r = 0; r < n_rows; r++) total[r][i] = totals[r][o + i];
            }
            for (int64_t k = begin; k < end; k += LANES) {
                vf w[MOST_ROWS];
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
    vf y[MOST_ROWS];
    for (int r = 0; r < n_rows; r++) y[r] = sums(totals[r]);
    finish(l, to, row, n_rows, n, y);
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
#if ROWS == 8
    BY_ROWS(PANEL(1), PANEL(2), PANEL(3), PANEL(4), PANEL(5), PANEL(6), PANEL(7), PANEL(8))
#else
    BY_ROWS(PANEL(1), PANEL(2), PANEL(3), PANEL(4), , , , )
#endif
#undef PANEL
}

static void rows_float(const linear *l, const result *to, const float *x, int row, int n_rows,
                       int panel) {
#define PANEL(n, at_once) panel_float(l, to, x, row, panel, n, at_once)
#if ROWS == 8
    BY_ROWS(PANEL(1, 8), PANEL(2, 4), PANEL(3, 4), PANEL(4, 4), PANEL(5, 2), PANEL(6, 2),
            PANEL(7, 2), PANEL(8, 2))
#else
    BY_ROWS(PANEL(1, 4), PANEL(2, 2), PANEL(3, 1), PANEL(4, 1), , , , )
#endif
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
        int64_t stride = code_stride(l->n_in);
        for (int r = 0; r < n_rows; r++)
            scales[r] = quantize_row(x + r * l->n_in, l->n_in, codes + r * stride);
        input = codes;
    }
    int n_panels = (panels_of(l) + 11) / 12;
    product p = {l, to, input, scales, n_rows, n_panels};
    for_each(has_workers, (panels_of(l) + n_panels - 1) / n_panels, multiply_panels, &p);
}
