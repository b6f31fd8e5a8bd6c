/* What all ways to take many rows through the layers share. */
#pragma once
#include "attention.h"
#include "few.h"

#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__linux__)
#define HAS_TILES 1
#define ROWS_AT_ONCE 64 /* that a thread takes through a layer: hidden states of 1 MB at most */
#else
#define HAS_TILES 0
#define ROWS_AT_ONCE 60
#endif
#define BUFFERED_ROWS 72 /* whose codes can be read: up to whole tiles or blocks */

typedef struct {
    const model *model;
    const cache *cache;
    int layer, is_causal, by_tiles;
    float *x, *y, *attended; /* (B T, C) */
    void *query;             /* (B, H, T, D), float32 or, for tiles, bfloat16 */
    _Atomic int *status;     /* OUT_OF_MEMORY once an item had none */
} pass;

static void quantize_rows(const float *x, int n_rows, int64_t n, uint8_t *codes, float *scales) {
    for (int r = 0; r < n_rows; r++)
        scales[r] = quantize_row(x + r * n, n, codes + r * code_stride(n));
}

static void norm_rows(const float *x, int n_rows, int width, const float *scale,
                      const float *bias, float *y) {
    for (int r = 0; r < n_rows; r++) norm_row(x + r * width, width, scale, bias, y + r * width);
}
