/* A few rows times a layer, its outputs shared out among the threads. */
#pragma once
#include "int4.h"

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

#if ROWS == 8
#define BY_PANELS(of)                                                                         \
    BY_ROWS(of(l, to, codes, scales, row, panel, 1), of(l, to, codes, scales, row, panel, 2), \
            of(l, to, codes, scales, row, panel, 3), of(l, to, codes, scales, row, panel, 4), \
            of(l, to, codes, scales, row, panel, 5), of(l, to, codes, scales, row, panel, 6), \
            of(l, to, codes, scales, row, panel, 7), of(l, to, codes, scales, row, panel, 8))
#else
#define BY_PANELS(of)                                                                         \
    BY_ROWS(of(l, to, codes, scales, row, panel, 1), of(l, to, codes, scales, row, panel, 2), \
            of(l, to, codes, scales, row, panel, 3), of(l, to, codes, scales, row, panel, 4), \
            , , , )
#endif

static void rows_int8(const linear *l, const result *to, const uint8_t *codes,
                      const float *scales, int row, int n_rows, int panel) {
    BY_PANELS(panel_int8)
}

static void rows_int4(const linear *l, const result *to, const uint8_t *codes,
                      const float *scales, int row, int n_rows, int panel) {
    BY_PANELS(panel_int4)
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
            else if (p->l->kind == INT4)
                rows_int4(p->l, &p->to, p->x, p->scales, row, n, panel);
            else
                rows_float(p->l, &p->to, p->x, row, n, panel);
        }
}

/* A product of a few rows, its outputs shared out among the threads. */
static void multiply(int has_workers, const linear *l, const float *x, int n_rows, uint8_t *codes,
                     float *scales, result to) {
    const void *input = x;
    if (l->kind != FLOAT32) {
        int64_t stride = code_stride(l->n_in);
        for (int r = 0; r < n_rows; r++)
            scales[r] = quantize_row_around(l->kind == INT4 ? ZERO4 : ZERO, x + r * l->n_in,
                                            l->n_in, codes + r * stride);
        input = codes;
    }
    int n_panels = (panels_of(l) + 11) / 12;
    product p = {l, to, input, scales, n_rows, n_panels};
    for_each(has_workers, (panels_of(l) + n_panels - 1) / n_panels, multiply_panels, &p);
}
