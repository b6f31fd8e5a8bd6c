/* Products and attention of many rows by AMX, whose registers are tiles of sixteen rows of 64
 * bytes. */
#pragma once
#include "pass.h"

#if HAS_TILES
#include <sys/syscall.h>
#include <unistd.h>

#define TILE 16
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA 18

/* Whether the system lets this process use the tiles. */
static int may_use_tiles(void) {
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static void open_tiles(void) { /* until _tile_release */
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = 64;
        config.rows[i] = TILE;
    }
    _tile_loadconfig(&config);
}

/* Rows times all panels. */
static void multiply_by_tiles(const linear *l, const result *to, const coded_rows *rows,
                              int first_row, int n_rows) {
    int64_t stride = code_stride(l->n_in), n_in = padded(l->n_in);
    int32_t out[4][TILE][LANES] __attribute__((aligned(64)));
    open_tiles();
    for (int panel = 0; panel < panels_of(l); panel += 2) {
        int n_panels = panel + 1 < panels_of(l) ? 2 : 1;
        const int8_t *w0 = int8_panel(l, panel), *w1 = int8_panel(l, panel + n_panels - 1);
        for (int row = 0; row < n_rows; row += 2 * TILE) {
            const uint8_t *a0 = rows->codes + row * stride, *a1 = a0 + TILE * stride;
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            for (int64_t k = 0; k < n_in; k += 64) {
                _tile_loadd(4, a0 + k, stride);
                _tile_loadd(6, w0 + k * LANES, 64);
                _tile_dpbusd(0, 4, 6);
                _tile_loadd(5, a1 + k, stride);
                _tile_dpbusd(2, 5, 6);
                _tile_loadd(7, w1 + k * LANES, 64);
                _tile_dpbusd(1, 4, 7);
                _tile_dpbusd(3, 5, 7);
            }
            _tile_stored(0, out[0], 64);
            _tile_stored(1, out[1], 64);
            _tile_stored(2, out[2], 64);
            _tile_stored(3, out[3], 64);
            for (int i = 0; i < 4; i++) { /* two tiles of rows by two panels */
                int at = row + i / 2 * TILE, n = n_rows - at < TILE ? n_rows - at : TILE;
                if (n > 0 && i % 2 < n_panels)
                    finish_int8(l, to, rows->scales - first_row, first_row + at, n,
                                (panel + i % 2) * LANES, (const vi *)out[i]);
            }
        }
    }
    _tile_release();
}

/* ------------------------------------------------------------------------------------------ */
/* Attention of many positions, heads of 64                                                     */

#define HEAD 64
#define QUERIES 32

/* Keys as the right side of a product: a tile is 16 pairs of numbers by 16 positions. */
static void pack_keys(const uint16_t *keys, int n, uint32_t *tiles) {
    for (int at = 0; at < n; at += TILE)
        for (int half = 0; half < 2; half++, tiles += TILE * TILE)
            for (int j = 0; j < TILE; j++) {
                const uint32_t *pairs = (const uint32_t *)(keys + (at + j) * HEAD) + half * TILE;
                for (int i = 0; i < TILE; i++) tiles[i * TILE + j] = at + j < n ? pairs[i] : 0;
            }
}

/* Values likewise: a tile is 16 pairs of positions by 16 numbers. */
static void pack_values(const uint16_t *values, int n, uint32_t *tiles) {
    for (int at = 0; at < n; at += 2 * TILE)
        for (int d = 0; d < HEAD; d += TILE)
            for (int i = 0; i < TILE; i++, tiles += TILE) {
                int position = at + 2 * i;
                vu pair = {0};
                if (position < n)
                    pair = (vu)from_bf16(values + position * HEAD + d) >> 16;
                if (position + 1 < n)
                    pair |= (vu)from_bf16(values + (position + 1) * HEAD + d);
                *(vu *)tiles = pair;
            }
}

/* Scores become weights in bfloat16, zero from `length` to `end`; returns their sum. */
static float weigh(float *scores, int length, int end, uint16_t *weights) {
    const float factor = LOG2_E * 0.125f; /* 1 / sqrt(HEAD) */
    vf most = splat(-INFINITY), total = {0};
    for (int j = length; j < end; j++) scores[j] = -INFINITY;
    for (int j = 0; j < end; j += LANES) most = max_f(most, load(scores + j));
    float top = largest(most) * factor;
    for (int j = 0; j < end; j += LANES) {
        vf e = exp2_rough(load(scores + j) * factor - top);
        total += e;
        to_bf16(weights + j, e);
    }
    return sum(total);
}

/* A head in eight bits becomes one in sixteen. */
static void unpack_kept_to_bf16(const uint8_t *head, int64_t half, int n, uint16_t *keys,
                                uint16_t *values) {
    float key[HEAD], value[HEAD];
    for (int at = 0; at < n; at++) {
        kept_position(head, half, at, key, value, HEAD);
        for (int d = 0; d < HEAD; d += LANES) {
            to_bf16(keys + at * HEAD + d, load(key + d));
            to_bf16(values + at * HEAD + d, load(value + d));
        }
    }
}

static void attend_by_tiles(void *context, int item) {
    const pass *p = context;
    const cache *c = p->cache;
    int64_t n_heads = p->model->n_heads, width = p->model->width;
    int n_new = (int)c->n_new, n_all = (int)c->n_past + n_new, n_padded = (n_all + 31) / 32 * 32;
    /* Rows whose distance is a power of two would push each other out of the cache. */
    int64_t score_stride = n_padded + 16, weight_stride = n_padded + 32;
    const uint16_t *kv = c->layers[p->layer], *all_queries = p->query, *keys = kv + item * c->max_len * HEAD;
    const uint16_t *values = keys + c->n_items * n_heads * c->max_len * HEAD;
    size_t kv_size = n_padded * HEAD * 4 * (p->fresh ? 2 : 1), head_size = QUERIES * HEAD * 6;
    size_t score_size = QUERIES * (score_stride * 4 + weight_stride * 2);
    scratch *here = reserve_for_item(kv_size + score_size + head_size + 4096);
    if (!here) {
        atomic_store(p->status, OUT_OF_MEMORY);
        return;
    }
    uint32_t *key_tiles = take(here, n_padded * HEAD * 2);
    uint32_t *value_tiles = take(here, n_padded * HEAD * 2);
    float *scores = take(here, sizeof(float) * QUERIES * score_stride);
    uint16_t *weights = take(here, sizeof(uint16_t) * QUERIES * weight_stride);
    uint16_t *query = take(here, sizeof(uint16_t) * QUERIES * HEAD);
    float *y = take(here, sizeof(float) * QUERIES * HEAD);
    if (p->fresh) {
        uint16_t *mine = take(here, n_padded * HEAD * 4);
        keys = mine, values = mine + n_padded * HEAD;
        unpack_kept_to_bf16(keep_fresh(p, item, HEAD), head_bytes(c, HEAD) / 2, n_all, mine,
                            mine + n_padded * HEAD);
    }
    pack_keys(keys, n_all, key_tiles);
    pack_values(values, n_all, value_tiles);
    open_tiles();
    for (int first = first_wanted(p); first < n_new; first += QUERIES) {
        int n = n_new - first < QUERIES ? n_new - first : QUERIES;
        int seen = p->is_causal ? (int)c->n_past + first + n : n_all, end = (seen + 31) / 32 * 32;
        memcpy(query, all_queries + (item * c->n_new + first) * HEAD, sizeof(uint16_t) * n * HEAD);
        _tile_loadd(4, query, 2 * HEAD);
        _tile_loadd(5, query + 32, 2 * HEAD);
        _tile_loadd(6, query + TILE * HEAD, 2 * HEAD);
        _tile_loadd(7, query + TILE * HEAD + 32, 2 * HEAD);
        for (int at = 0; at < end; at += TILE) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_loadd(2, key_tiles + at * HEAD / 2, 64);
            _tile_loadd(3, key_tiles + at * HEAD / 2 + TILE * TILE, 64);
            _tile_dpbf16ps(0, 4, 2);
            _tile_dpbf16ps(1, 6, 2);
            _tile_dpbf16ps(0, 5, 3);
            _tile_dpbf16ps(1, 7, 3);
            _tile_stored(0, scores + at, sizeof(float) * score_stride);
            _tile_stored(1, scores + TILE * score_stride + at, sizeof(float) * score_stride);
        }
        float totals[QUERIES];
        for (int r = 0; r < n; r++)
            totals[r] = weigh(scores + r * score_stride,
                              p->is_causal ? (int)c->n_past + first + r + 1 : n_all, end,
                              weights + r * weight_stride);
        for (int half = 0; half < 2; half++) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            for (int at = 0; at < end; at += 2 * TILE) {
                const uint32_t *tiles = value_tiles + at * HEAD / 2;
                _tile_loadd(4, weights + half * TILE * weight_stride + at, 2 * weight_stride);
                _tile_loadd(5, tiles, 64);
                _tile_dpbf16ps(0, 4, 5);
                _tile_loadd(6, tiles + TILE * TILE, 64);
                _tile_dpbf16ps(1, 4, 6);
                _tile_loadd(5, tiles + 2 * TILE * TILE, 64);
                _tile_dpbf16ps(2, 4, 5);
                _tile_loadd(6, tiles + 3 * TILE * TILE, 64);
                _tile_dpbf16ps(3, 4, 6);
            }
            float *rows = y + half * TILE * HEAD;
            _tile_stored(0, rows, sizeof(float) * HEAD);
            _tile_stored(1, rows + TILE, sizeof(float) * HEAD);
            _tile_stored(2, rows + 2 * TILE, sizeof(float) * HEAD);
            _tile_stored(3, rows + 3 * TILE, sizeof(float) * HEAD);
        }
        int64_t in_batch = item / n_heads, head = item % n_heads;
        for (int r = 0; r < n; r++) {
            float *row = p->attended + (in_batch * n_new + first + r) * width + head * HEAD;
            for (int d = 0; d < HEAD; d += LANES)
                store(row + d, load(y + r * HEAD + d) * (1 / totals[r]));
        }
    }
    _tile_release();
}
#endif
