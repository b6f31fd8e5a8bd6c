/* Many rows at a time. Each thread takes some of them through a whole layer, so what lies between
 * two products stays in its cache. */
#pragma once
#include "attention_floats.h"
#include "attention_words.h"
#include "blocks.h"
#include "tiles.h"

/* Whether the processor has tiles and the system lets this process use them. */
static int tiles_work(void) {
#if HAS_TILES
    static _Atomic int answer = -1;
    if (answer < 0) answer = may_use_tiles();
    return answer;
#else
    return 0;
#endif
}

static void multiply_many(int by_tiles, const linear *l, const result *to, const coded_rows *rows,
                          int first_row, int n_rows) {
#if HAS_TILES
    if (by_tiles) {
        multiply_by_tiles(l, to, rows, first_row, n_rows);
        return;
    }
#endif
    (void)by_tiles;
    multiply_by_blocks(l, to, rows, first_row, n_rows);
}

static void attend_many(void *context, int item) {
#if HAS_TILES
    if (((const pass *)context)->by_tiles) {
        attend_by_tiles(context, item);
        return;
    }
#endif
#if HAS_WORDS
    attend_by_words(context, item);
#else
    attend_by_floats(context, item);
#endif
}

typedef struct {
    const linear *l;
    result to;
    const float *x;
    int n_rows, by_tiles;
    _Atomic int *status; /* OUT_OF_MEMORY once an item had none */
} many_rows;

/* A product alone, for some rows. */
static void multiply_rows(void *context, int item) {
    const many_rows *p = context;
    int first = item * ROWS_AT_ONCE;
    int n = p->n_rows - first < ROWS_AT_ONCE ? p->n_rows - first : ROWS_AT_ONCE;
    scratch *here = reserve_for_item(coded_size(p->l->n_in) + 4096);
    if (!here) {
        atomic_store(p->status, OUT_OF_MEMORY);
        return;
    }
    coded_rows rows = take_coded(here, p->l->n_in);
    quantize_rows(p->x + (int64_t)first * p->l->n_in, n, p->l, &rows);
    multiply_many(p->by_tiles, p->l, &p->to, &rows, first, n);
}

/* What follows the attention of one layer and comes before that of the next, for some rows. */
static void pass_rows(void *context, int item) {
    const pass *p = context;
    const model *m = p->model;
    int width = (int)m->width, first = item * ROWS_AT_ONCE;
    int all = (int)(p->cache->n_items * p->cache->n_new);
    int n_rows = all - first < ROWS_AT_ONCE ? all - first : ROWS_AT_ONCE;
    int n_new = (int)p->cache->n_new;
    if (p->layer == m->n_layers && first % n_new + n_rows <= n_new - p->n_last) return;
    int64_t wide = m->layers[0].mlp_in.n_out;
    size_t float_size = sizeof(float) * ROWS_AT_ONCE * (width + wide);
    scratch *here = reserve_for_item(float_size + coded_size(wide) + 4096);
    if (!here) {
        atomic_store(p->status, OUT_OF_MEMORY);
        return;
    }
    float *normed = take(here, sizeof(float) * ROWS_AT_ONCE * width);
    float *hidden = take(here, sizeof(float) * ROWS_AT_ONCE * wide);
    coded_rows rows = take_coded(here, wide);
    float *x = p->x + (int64_t)first * width;
    if (p->layer > 0) {
        const layer *l = &m->layers[p->layer - 1];
        quantize_rows(p->attended + (int64_t)first * width, n_rows, &l->attention_out, &rows);
        result to_x = {.to = ADD, .y = x, .stride = width};
        multiply_many(p->by_tiles, &l->attention_out, &to_x, &rows, 0, n_rows);
        norm_rows(x, n_rows, width, l->norm2, l->norm2_bias, normed);
        quantize_rows(normed, n_rows, &l->mlp_in, &rows);
        result to_hidden = {.to = GELU, .y = hidden, .stride = wide};
        multiply_many(p->by_tiles, &l->mlp_in, &to_hidden, &rows, 0, n_rows);
        quantize_rows(hidden, n_rows, &l->mlp_out, &rows);
        multiply_many(p->by_tiles, &l->mlp_out, &to_x, &rows, 0, n_rows);
    }
    if (p->layer < m->n_layers) {
        const layer *l = &m->layers[p->layer];
        norm_rows(x, n_rows, width, l->norm1, l->norm1_bias, normed);
        quantize_rows(normed, n_rows, &l->qkv, &rows);
        result to_heads = {.to = QKV, .query = p->query, .query_is_bf16 = p->by_tiles,
                           .cache = p->cache, .kv = p->cache->layers[p->layer], .fresh = p->fresh,
                           .n_heads = m->n_heads, .head_size = m->width / m->n_heads};
        multiply_many(p->by_tiles, &l->qkv, &to_heads, &rows, first, n_rows);
    } else {
        norm_rows(x, n_rows, width, m->norm, m->norm_bias, p->y + (int64_t)first * width);
    }
}
