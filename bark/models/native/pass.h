/* What all ways to take many rows through the layers share. */
#pragma once
#include "apart.h"
#include "attention.h"
#include "few.h"

#if defined(__AMX_INT8__) && defined(__AMX_BF16__) && defined(__linux__)
#define HAS_TILES 1
#define ROWS_AT_ONCE 64 /* that a thread takes through a layer: hidden states of 1 MB at most */
#else
#define HAS_TILES 0
#define ROWS_AT_ONCE (HAS_APART ? 64 : 60)
#endif
#if defined(__AVX2__)
#define HAS_WORDS 1 /* whether attention of many positions is in sixteen bits */
#else
#define HAS_WORDS 0
#endif

typedef struct {
    const model *model;
    const cache *cache;
    int layer, is_causal, by_tiles;
    int n_last; /* positions of an item whose hidden states are wanted, the last ones */
    float *x, *y, *attended; /* (B T, C) */
    void *query;             /* (B, H, T, D), float32 or, for tiles, bfloat16 */
    float *fresh;            /* as result has it */
    _Atomic int *status;     /* OUT_OF_MEMORY once an item had none */
} pass;

/* Puts what is new of a head into its eight-bit cache, and returns where that lies. */
static uint8_t *keep_fresh(const pass *p, int item, int64_t size) {
    const cache *c = p->cache;
    uint8_t *head = (uint8_t *)c->layers[p->layer] + item * head_bytes(c, size);
    const float *keys = p->fresh + item * c->n_new * size;
    const float *values = keys + c->n_items * p->model->n_heads * c->n_new * size;
    keep_positions(c, head, keys, values, size);
    return head;
}

/* Rows in eight bits. The codes of BUFFERED_ROWS rows can be read. */
typedef struct {
    uint8_t *codes;
    float *scales;
#if HAS_APART
    prepared *apart;
#endif
} coded_rows;

static size_t coded_size(int64_t most_in) {
    size_t size = BUFFERED_ROWS * (code_stride(most_in) + sizeof(float)) + 128;
#if HAS_APART
    size += prepared_size(most_in);
#endif
    return size;
}

/* For rows of up to most_in numbers. */
static coded_rows take_coded(scratch *here, int64_t most_in) {
    coded_rows rows;
    rows.codes = take(here, BUFFERED_ROWS * code_stride(most_in));
    rows.scales = take(here, sizeof(float) * BUFFERED_ROWS);
#if HAS_APART
    rows.apart = take_prepared(here, most_in);
#endif
    return rows;
}

/* The inputs of a layer. */
static void quantize_rows(const float *x, int n_rows, const linear *l, const coded_rows *rows) {
    int64_t n = l->n_in;
    for (int r = 0; r < n_rows; r++)
        rows->scales[r] = quantize_row(x + r * n, n, rows->codes + r * code_stride(n));
#if HAS_APART
    prepare(rows->apart, rows->codes, n, n_rows, l->limits);
#endif
}

/* The first new position of an item whose attention is wanted. */
static int first_wanted(const pass *p) {
    int is_last = p->layer == p->model->n_layers - 1;
    return is_last ? (int)p->cache->n_new - p->n_last : 0;
}

static void norm_rows(const float *x, int n_rows, int width, const float *scale,
                      const float *bias, float *y) {
    for (int r = 0; r < n_rows; r++) norm_row(x + r * width, width, scale, bias, y + r * width);
}
