/* Products of many rows in blocks that the registers hold, on any processor. */
#pragma once
#include "pass.h"

/* As many sums as leave registers for two vectors of weights and a code. */
#if LANES == 16
#define BLOCK_ROWS 12
#elif defined(__AVXVNNI__)
#define BLOCK_ROWS 6
#endif /* for AVX2 alone apart.h has it */

#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
/* Some rows times two panels, while what comes behind them is fetched. */
INLINE void block_int8(const int8_t *w0, const int8_t *w1, const uint8_t *codes, int64_t stride,
                       int64_t n_in, vi totals[2][BLOCK_ROWS]) {
    vi sums0[BLOCK_ROWS] = {{0}}, sums1[BLOCK_ROWS] = {{0}};
    for (int64_t k = 0; k < n_in; k += 4) {
        __builtin_prefetch(w1 + (n_in + k) * LANES, 0, 2);
        __builtin_prefetch(w1 + (2 * n_in + k) * LANES, 0, 2);
        vi v0 = *(const vi_u *)(w0 + k * LANES), v1 = *(const vi_u *)(w1 + k * LANES);
        for (int r = 0; r < BLOCK_ROWS; r++) {
            int32_t four;
            memcpy(&four, codes + r * stride + k, 4);
            sums0[r] = dot4(sums0[r], four - (vi){0}, v0);
            sums1[r] = dot4(sums1[r], four - (vi){0}, v1);
            PIN(sums0[r], sums1[r]);
        }
    }
    memcpy(totals[0], sums0, sizeof sums0);
    memcpy(totals[1], sums1, sizeof sums1);
}

/* Rows times all panels. */
static void multiply_by_blocks(const linear *l, const result *to, const coded_rows *rows,
                               int first_row, int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    for (int panel = 0; panel < panels_of(l); panel += 2) {
        int n_panels = panel + 1 < panels_of(l) ? 2 : 1;
        const int8_t *w0 = int8_panel(l, panel), *w1 = int8_panel(l, panel + n_panels - 1);
        for (int row = 0; row < n_rows; row += BLOCK_ROWS) {
            vi totals[2][BLOCK_ROWS];
            block_int8(w0, w1, rows->codes + row * stride, stride, n_in, totals);
            int end = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
            for (int p = 0; p < n_panels; p++)
                for (int r = 0; r < end; r += MOST_ROWS)
                    finish_int8(l, to, rows->scales - first_row, first_row + row + r,
                                end - r < MOST_ROWS ? end - r : MOST_ROWS, (panel + p) * LANES,
                                totals[p] + r);
        }
    }
}
#elif HAS_APART
INLINE vi above_zero(const int8_t *weights) { /* 1 to 255 */
    return *(const vi_u *)weights ^ (int32_t)0x80808080;
}

INLINE __m256i two_products(vi weights, const void *codes) {
    int32_t four;
    memcpy(&four, codes, 4);
    return _mm256_maddubs_epi16((__m256i)weights, (__m256i)(four - (vi){0}));
}

INLINE vi two_to_one(__m256i pairs) {
    return (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* A block of rows times a panel, while what comes behind it is fetched. */
INLINE void block_of_panel(const int8_t *weights, const uint8_t *codes, int64_t stride,
                           int64_t n_in, const int32_t *offsets, vi *totals, const int way) {
    vi sums[BLOCK_ROWS];
    for (int r = 0; r < BLOCK_ROWS; r++) sums[r] = (vi){0} - offsets[r];
    for (int64_t k = 0; k < n_in; k += 8) {
        __builtin_prefetch(weights + (n_in + k) * LANES, 0, 2);
        vi w0 = above_zero(weights + k * LANES), w1 = above_zero(weights + (k + 4) * LANES);
        for (int r = 0; r < BLOCK_ROWS; r++) {
            __m256i one = two_products(w0, codes + r * stride + k);
            __m256i two = two_products(w1, codes + r * stride + k + 4);
            if (way == BY_FOUR)
                sums[r] += two_to_one(_mm256_add_epi16(one, two));
            else
                sums[r] += two_to_one(one) + two_to_one(two);
            PIN_ONE(sums[r]);
        }
    }
    memcpy(totals, sums, sizeof sums);
}

/* What a block of rows leaves apart, times two panels. */
INLINE void add_apart(const apart *list, int n, const int8_t *w0, const int8_t *w1,
                      vi totals[2][BLOCK_ROWS]) {
    for (int i = 0; i < n; i++) {
        int64_t at = list[i].four * 4 * LANES;
        totals[0][list[i].row] += two_to_one(two_products(above_zero(w0 + at), &list[i].codes));
        totals[1][list[i].row] += two_to_one(two_products(above_zero(w1 + at), &list[i].codes));
    }
}

/* Rows times all panels. */
static void multiply_by_blocks(const linear *l, const result *to, const coded_rows *rows,
                               int first_row, int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    const uint8_t *codes = rows->codes;
    const float *scales = rows->scales - first_row;
    const prepared *p = rows->apart;
    for (int panel = 0; panel < panels_of(l); panel += 2) {
        int n_panels = panel + 1 < panels_of(l) ? 2 : 1;
        const int8_t *w[] = {int8_panel(l, panel), int8_panel(l, panel + n_panels - 1)};
        for (int row = 0, block = 0; row < n_rows; row += BLOCK_ROWS, block++) {
            vi totals[2][BLOCK_ROWS];
            int end = row + BLOCK_ROWS < n_rows ? row + BLOCK_ROWS : n_rows, way = p->ways[block];
            for (int i = 0; i < n_panels; i++)
                if (way == BY_FOUR)
                    block_of_panel(w[i], codes + row * stride, stride, n_in, p->offsets + row,
                                   totals[i], BY_FOUR);
                else if (way == BY_TWO)
                    block_of_panel(w[i], codes + row * stride, stride, n_in, p->offsets + row,
                                   totals[i], BY_TWO);
                else
                    for (int r = row; r < end; r += ROWS)
                        rows_int8(l, to, codes - first_row * stride, scales, first_row + r,
                                  end - r < ROWS ? end - r : ROWS, panel + i);
            if (way == BY_SIGN) continue;
            add_apart(p->lists + row * most_apart(l->n_in), p->n_apart[block], w[0], w[1], totals);
            for (int i = 0; i < n_panels; i++)
                for (int r = row; r < end; r += MOST_ROWS)
                    finish_int8(l, to, scales, first_row + r,
                                end - r < MOST_ROWS ? end - r : MOST_ROWS, (panel + i) * LANES,
                                totals[i] + r - row);
        }
    }
}
#else
/* Where a product of bytes takes several instructions, a panel at a time is as fast. */
static void multiply_by_blocks(const linear *l, const result *to, const coded_rows *rows,
                               int first_row, int n_rows) {
    const uint8_t *codes = rows->codes - first_row * code_stride(l->n_in);
    for (int panel = 0; panel < panels_of(l); panel++)
        for (int row = 0; row < n_rows; row += ROWS)
            rows_int8(l, to, codes, rows->scales - first_row, first_row + row,
                      n_rows - row < ROWS ? n_rows - row : ROWS, panel);
}
#endif
