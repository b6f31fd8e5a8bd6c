/* Products of many rows in blocks that the registers hold, on any processor. */
#pragma once
#include "pass.h"

/* As many sums as leave registers for two vectors of weights and a code. */
#if LANES == 16
#define BLOCK_ROWS 12
#elif defined(__AVXVNNI__)
#define BLOCK_ROWS 6
#endif

#if defined(BLOCK_ROWS)
/* Some rows times two panels. */
INLINE void block_int8(const int8_t *w0, const int8_t *w1, const uint8_t *codes, int64_t stride,
                       int64_t n_in, vi totals[2][BLOCK_ROWS]) {
    vi sums0[BLOCK_ROWS] = {{0}}, sums1[BLOCK_ROWS] = {{0}};
    for (int64_t k = 0; k < n_in; k += 4) {
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

/* Rows times all panels. The codes of BUFFERED_ROWS rows can be read. */
static void multiply_by_blocks(const linear *l, const result *to, const uint8_t *codes,
                               const float *scales, int first_row, int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    for (int panel = 0; panel < panels_of(l); panel += 2) {
        int n_panels = panel + 1 < panels_of(l) ? 2 : 1;
        const int8_t *w0 = int8_panel(l, panel), *w1 = int8_panel(l, panel + n_panels - 1);
        for (int row = 0; row < n_rows; row += BLOCK_ROWS) {
            vi totals[2][BLOCK_ROWS];
            block_int8(w0, w1, codes + row * stride, stride, n_in, totals);
            int end = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
            for (int p = 0; p < n_panels; p++)
                for (int r = 0; r < end; r += MOST_ROWS)
                    finish_int8(l, to, scales - first_row, first_row + row + r,
                                end - r < MOST_ROWS ? end - r : MOST_ROWS, (panel + p) * LANES,
                                totals[p] + r);
        }
    }
}
#else
/* Where a product of bytes takes several instructions, a panel at a time is as fast. */
static void multiply_by_blocks(const linear *l, const result *to, const uint8_t *codes,
                               const float *scales, int first_row, int n_rows) {
    codes -= first_row * code_stride(l->n_in);
    for (int panel = 0; panel < panels_of(l); panel++)
        for (int row = 0; row < n_rows; row += ROWS)
            rows_int8(l, to, codes, scales - first_row, first_row + row,
                      n_rows - row < ROWS ? n_rows - row : ROWS, panel);
}
#endif
