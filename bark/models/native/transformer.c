/* The layers of a transformer on a CPU, for Bark's models.
 *
 * A decode step reads every weight once and computes next to nothing with it. So what counts is
 * that the memory is never waited for twice: one call runs all layers, the threads meet between
 * two products without leaving the processor, and a weight that was loaded is used for all rows.
 *
 * Layers in eight and four bits quantise each row of their input by its own largest magnitude and
 * add up integers; float32 layers add up each result in one order. Attention and norms treat each
 * row alone. So a row's result does not depend on how many others are computed with it.
 *
 * Vectors are the compiler's own types, sixteen lanes wide, which become whatever the processor
 * has. Only products of bytes, and tiles of them for many rows, are asked for by name.
 */
#include "many.h"
#include <stddef.h>

/* All layers and the last norm for a few new positions.
 *
 * x: (B, T, C) embeddings, overwritten. y: (B, T, C) hidden states, whole where DONE is returned. */
int run_layers(const model *m, const cache *c, float *x, float *y, int n_threads) {
    int width = (int)m->width, n_rows = (int)(c->n_items * c->n_new);
    int64_t wide = m->layers[0].mlp_in.n_out, head_size = m->width / m->n_heads;
    size_t row_size = sizeof(float) * width, wide_size = sizeof(float) * wide;
    size_t fresh_size = c->kind == KV_INT8 ? 2 * row_size : 0;
    size_t size = n_rows * (2 * row_size + fresh_size + wide_size) + few_size(n_rows, wide);
    scratch *here = reserve_for_call(size + 4096);
    if (!here) return OUT_OF_MEMORY;
    float *normed = take(here, n_rows * row_size), *query = take(here, n_rows * row_size);
    float *fresh = fresh_size ? take(here, n_rows * fresh_size) : NULL;
    float *hidden = take(here, n_rows * wide_size);
    coded_rows rows = take_few(here, n_rows, wide);
    int together = enter(n_threads);
    for (int i = 0; i < m->n_layers; i++) {
        const layer *l = &m->layers[i];
        for (int r = 0; r < n_rows; r++)
            norm_row(x + r * width, width, l->norm1, l->norm1_bias, normed + r * width);
        multiply_few(together, &l->qkv, normed, n_rows, &rows,
                     (result){.to = QKV, .query = query, .cache = c, .kv = c->layers[i],
                              .fresh = fresh, .n_heads = m->n_heads, .head_size = head_size});
        attention a = {c, query, c->layers[i], fresh, normed, m->n_heads, head_size};
        for_each(together, (int)(c->n_items * m->n_heads), attend_head, &a);
        multiply_few(together, &l->attention_out, normed, n_rows, &rows,
                     (result){.to = ADD, .y = x, .stride = width});
        for (int r = 0; r < n_rows; r++)
            norm_row(x + r * width, width, l->norm2, l->norm2_bias, normed + r * width);
        multiply_few(together, &l->mlp_in, normed, n_rows, &rows,
                     (result){.to = GELU, .y = hidden, .stride = wide});
        multiply_few(together, &l->mlp_out, hidden, n_rows, &rows,
                     (result){.to = ADD, .y = x, .stride = width});
    }
    leave(together);
    for (int r = 0; r < n_rows; r++)
        norm_row(x + r * width, width, m->norm, m->norm_bias, y + r * width);
    return DONE;
}

/* Sizes and offsets of the structures that the caller fills, in the order of their definition; the
 * caller compares them with its own before it hands one over. Returns how many there are. */
int struct_layout(int64_t *out, int n) {
#define AT(type, member) offsetof(type, member)
    const int64_t layout[] = {
        sizeof(linear), AT(linear, kind), AT(linear, n_out), AT(linear, n_in), AT(linear, weight),
        AT(linear, scale), AT(linear, offset), AT(linear, bias), AT(linear, limits),
        sizeof(layer), AT(layer, norm1), AT(layer, norm1_bias), AT(layer, norm2),
        AT(layer, norm2_bias), AT(layer, qkv), AT(layer, attention_out), AT(layer, mlp_in),
        AT(layer, mlp_out),
        sizeof(model), AT(model, n_layers), AT(model, width), AT(model, n_heads),
        AT(model, layers), AT(model, norm), AT(model, norm_bias),
        sizeof(cache), AT(cache, n_items), AT(cache, n_new), AT(cache, n_past),
        AT(cache, max_len), AT(cache, kind), AT(cache, layers)};
#undef AT
    int n_here = sizeof layout / sizeof *layout;
    for (int i = 0; i < n_here && i < n; i++) out[i] = layout[i];
    return n_here;
}

/* Outputs that lie together in a panel. */
int panel_lanes(void) { return LANES; }

/* Whether the processor multiplies bytes; otherwise eight-bit layers are exact but slow. */
int has_byte_products(void) {
#if defined(SLOW_BYTES)
    return 0;
#else
    return 1;
#endif
}

/* Whether many rows go through tiles, which take a bfloat16 cache and heads of 64 only. */
int has_tiles(void) { return tiles_work(); }

/* Bytes that a layer needs to be ready for many rows. */
static int64_t room_of(const linear *l) { return widened_size(l) + limits_size(l); }

/* One linear layer: x (rows, n_in), y (rows, n_out). */
int run_linear(const linear *l, const float *x, float *y, int n_rows, int n_threads) {
    result to = {.to = WRITE, .y = y, .stride = l->n_out};
    if (l->kind != FLOAT32 && n_rows > FEW_ROWS) {
        _Atomic int status = DONE;
        scratch *here = reserve_for_call(room_of(l) + 4096);
        if (!here) return OUT_OF_MEMORY;
        int8_t *room = take(here, room_of(l));
        int together = enter(n_threads);
        linear wide = widen(together, l, &room);
        take_limits(together, &wide, &room);
        many_rows rows = {&wide, to, x, n_rows, tiles_work(), &status};
        for_each(together, (n_rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, multiply_rows, &rows);
        leave(together);
        return status;
    }
    scratch *here = reserve_for_call(few_size(n_rows, l->n_in) + 4096);
    if (!here) return OUT_OF_MEMORY;
    coded_rows rows = take_few(here, n_rows, l->n_in);
    int together = enter(n_threads);
    multiply_few(together, l, x, n_rows, &rows, to);
    leave(together);
    return DONE;
}

/* Bytes that `ready_layers` needs at most. */
static int64_t room_for_layers(const model *m) {
    int64_t before = 0, behind = 0; /* of a layer's attention */
    for (int i = 0; i < m->n_layers; i++) {
        const layer *l = &m->layers[i];
        int64_t others = room_of(&l->attention_out) + room_of(&l->mlp_in) + room_of(&l->mlp_out);
        if (room_of(&l->qkv) > before) before = room_of(&l->qkv);
        if (others > behind) behind = others;
    }
    return before + behind;
}

/* What follows the attention of layer i - 1 and comes before that of layer i, in eight bits. */
static void ready_layers(int together, const model *m, int i, layer *wide, int8_t *room) {
    if (i > 0) {
        const layer *l = &m->layers[i - 1];
        wide[i - 1].attention_out = widen(together, &l->attention_out, &room);
        wide[i - 1].mlp_in = widen(together, &l->mlp_in, &room);
        wide[i - 1].mlp_out = widen(together, &l->mlp_out, &room);
        take_limits(together, &wide[i - 1].attention_out, &room);
        take_limits(together, &wide[i - 1].mlp_in, &room);
        take_limits(together, &wide[i - 1].mlp_out, &room);
    }
    if (i == m->n_layers) return;
    wide[i].qkv = widen(together, &m->layers[i].qkv, &room);
    take_limits(together, &wide[i].qkv, &room);
}

/* The same for many new positions, of layers in eight or four bits. Of y only the last n_last
 * positions of each item need be whole. */
int run_layers_of_many(const model *m, const cache *c, float *x, float *y, int is_causal,
                       int n_last, int n_threads) {
    int n_rows = (int)(c->n_items * c->n_new);
    size_t row_size = (c->kind == KV_INT8 ? 4 : 2) * m->width * sizeof(float);
    size_t layers_size = sizeof(layer) * m->n_layers;
    int64_t room_size = room_for_layers(m);
    scratch *here = reserve_for_call(n_rows * row_size + layers_size + room_size + 4096);
    if (!here) return OUT_OF_MEMORY;
    float *attended = take(here, sizeof(float) * n_rows * m->width);
    void *query = take(here, sizeof(float) * n_rows * m->width);
    float *fresh = c->kind == KV_INT8 ? take(here, 2 * sizeof(float) * n_rows * m->width) : NULL;
    layer *wide_layers = take(here, layers_size);
    memcpy(wide_layers, m->layers, layers_size);
    int8_t *room = take(here, room_size);
    model wide = *m;
    wide.layers = wide_layers;
    int by_tiles = tiles_work() && c->kind != KV_FLOAT32 && m->width / m->n_heads == 64;
    _Atomic int status = DONE;
    int together = enter(n_threads);
    for (int i = 0; i <= m->n_layers && status == DONE; i++) {
        ready_layers(together, m, i, wide_layers, room);
        pass p = {&wide, c, i, is_causal, by_tiles, n_last, x, y, attended, query, fresh, &status};
        for_each(together, (n_rows + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, pass_rows, &p);
        if (i < m->n_layers && status == DONE)
            for_each(together, (int)(c->n_items * m->n_heads), attend_many, &p);
    }
    leave(together);
    return status;
}

/* Puts new positions into a layer's cache of eight bits: (2, B, H, T, D), keys first. */
void write_cache(const cache *c, int layer, int n_heads, int size, const float *key_value) {
    int64_t n_all = c->n_items * n_heads, n = c->n_new * size;
    for (int64_t i = 0; i < n_all; i++)
        keep_positions(c, (uint8_t *)c->layers[layer] + i * head_bytes(c, size), key_value + i * n,
                       key_value + (n_all + i) * n, size);
}

/* All positions that are in it, (2, B, H, n_past + n_new, D). */
void read_cache(const cache *c, int layer, int n_heads, int size, float *key_value) {
    int64_t n_all = c->n_items * n_heads, n = c->n_past + c->n_new;
    for (int64_t i = 0; i < n_all; i++)
        for (int64_t j = 0; j < n; j++)
            kept_position((const uint8_t *)c->layers[layer] + i * head_bytes(c, size),
                          head_bytes(c, size) / 2, j, key_value + (i * n + j) * size,
                          key_value + ((n_all + i) * n + j) * size, size);
}

/* ------------------------------------------------------------------------------------------ */
/* Packing                                                                                      */

static void pack_panel(void *context, int panel) {
    const packing *p = context;
    int64_t n_in = p->n_in, stride = padded(n_in);
    int8_t *codes = p->codes + panel * stride * LANES;
    memset(codes, 0, stride * LANES);
    for (int o = 0; o < LANES; o++) {
        int64_t output = (int64_t)panel * LANES + o;
        p->scale[output] = 0;
        p->offset[output] = 0;
        if (output >= p->n_out) continue;
        const float *row = p->weight + output * n_in;
        vf most = {0};
        int64_t k = 0;
        for (; k + LANES <= n_in; k += LANES) most = max_f(most, abs_f(load(row + k)));
        float magnitude = largest(most);
        for (; k < n_in; k++) magnitude = fabsf(row[k]) > magnitude ? fabsf(row[k]) : magnitude;
        float factor = magnitude > 0 ? 127 / magnitude : 0;
        int32_t total = 0;
        for (k = 0; k < n_in; k++) {
            int code = (int)lrintf(row[k] * factor);
            codes[k / 4 * 4 * LANES + o * 4 + k % 4] = (int8_t)code;
            total += code;
        }
        p->scale[output] = magnitude / 127;
        p->offset[output] = ZERO * total;
    }
}

/* Eight-bit codes of float32 weights (n_out, n_in) in panels, a scale for each output.
 *
 * codes: `packed_size` bytes; scale, offset: panels * LANES. */
void pack_int8(const float *weight, int64_t n_out, int64_t n_in, int8_t *codes, float *scale,
               int32_t *offset, int n_threads) {
    packing p = {weight, n_out, n_in, codes, scale, offset};
    int together = enter(n_threads);
    for_each(together, (int)((n_out + LANES - 1) / LANES), pack_panel, &p);
    leave(together);
}

/* The same in four bits. */
void pack_int4(const float *weight, int64_t n_out, int64_t n_in, int8_t *codes, float *scale,
               int32_t *offset, int n_threads) {
    packing p = {weight, n_out, n_in, codes, scale, offset};
    int together = enter(n_threads);
    for_each(together, (int)((n_out + LANES - 1) / LANES), pack_panel4, &p);
    leave(together);
}

/* How many numbers `find_limits` needs for a layer of so many inputs; 0 where there are none. */
int64_t limits_length(int64_t n_in) { return n_limits(n_in); }

/* What the codes of the inputs of a layer in eight bits may be, so that sums of sixteen bits hold
 * them. A layer that is given them has them at hand; otherwise many rows find them anew. */
void find_limits(const linear *l, int32_t *limits, int n_threads) {
    linear limited = *l;
    int8_t *room = (int8_t *)limits;
    int together = enter(n_threads);
    limited.limits = NULL;
    take_limits(together, &limited, &room);
    leave(together);
}

/* Bytes of a weight's panels, of the kind INT8 or INT4. */
int64_t packed_size(int kind, int64_t n_out, int64_t n_in) {
    int64_t n_panels = (n_out + LANES - 1) / LANES;
    return n_panels * (kind == INT4 ? int4_panel_size(n_in) : padded(n_in) * LANES);
}
