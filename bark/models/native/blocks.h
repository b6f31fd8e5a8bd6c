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
#define CHUNK 1024 /* inputs whose weights stay in the first cache while all rows meet them */

/* n inputs of two panels' weights, 128 above what they mean and side by side. */
INLINE void take_weights(const int8_t *w0, const int8_t *w1, int64_t n, uint8_t *to) {
    for (int64_t i = 0; i < n * LANES; i += 4 * LANES, to += 8 * LANES) {
        *(vi *)to = *(const vi_u *)(w0 + i) ^ (int32_t)0x80808080;
        *(vi *)(to + 4 * LANES) = *(const vi_u *)(w1 + i) ^ (int32_t)0x80808080;
    }
}

INLINE __m256i four_codes(const void *codes) {
    int32_t four;
    memcpy(&four, codes, 4);
    return (__m256i)(four - (vi){0});
}

/* Both of a lane's sums in sixteen bits become one. */
INLINE vi two_to_one(__m256i pairs) {
    return (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* What comes next of two panels' weights, and how much of it is fetched with each 16 inputs. */
typedef struct {
    const int8_t *w0, *w1;
    int64_t step;
} ahead;

/* A block of rows times n inputs of two panels; n_fours are added in sixteen bits. */
INLINE void block_of_two(const uint8_t *weights, const uint8_t *codes, int64_t n, ahead *next,
                         vi *totals0, vi *totals1, const int n_fours) {
    const int8_t *next0 = next->w0, *next1 = next->w1;
    for (int64_t k = 0; k < n; k += 4 * n_fours) {
        __m256i sums0[BLOCK_ROWS], sums1[BLOCK_ROWS];
        for (int r = 0; r < BLOCK_ROWS; r++) sums0[r] = sums1[r] = four_codes(codes + 4 * r);
        codes += 4 * BLOCK_ROWS;
#pragma GCC unroll 8
        for (int i = 0; i < n_fours; i++, codes += 4 * BLOCK_ROWS, weights += 8 * LANES) {
            __m256i w0 = *(const __m256i *)weights, w1 = *(const __m256i *)(weights + 4 * LANES);
            PIN(w0, w1);
            if (i % 4 == 0) {
                __builtin_prefetch(next0, 0, 2);
                __builtin_prefetch(next1, 0, 2);
                next0 += next->step, next1 += next->step;
            }
#pragma GCC unroll 4
            for (int r = 0; r < BLOCK_ROWS; r++) {
                __m256i four = four_codes(codes + 4 * r);
                sums0[r] = _mm256_add_epi16(sums0[r], _mm256_maddubs_epi16(w0, four));
                sums1[r] = _mm256_add_epi16(sums1[r], _mm256_maddubs_epi16(w1, four));
                PIN(sums0[r], sums1[r]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < BLOCK_ROWS; r++) {
            totals0[r] += two_to_one(sums0[r]);
            totals1[r] += two_to_one(sums1[r]);
        }
    }
    next->w0 = next0, next->w1 = next1;
}

/* What a row leaves apart up to a four, times two panels from input k on; returns the next. */
INLINE int add_apart(const apart *list, int i, int n, int64_t k, int64_t end,
                     const uint8_t *weights, vi *total0, vi *total1) {
    vi sum0 = *total0, sum1 = *total1;
    for (; i < n && list[i].four < end / 4; i++) {
        const uint8_t *w = weights + (list[i].four - k / 4) * 8 * LANES;
        __m256i four = four_codes(&list[i].codes);
        sum0 += two_to_one(_mm256_maddubs_epi16(*(const __m256i *)w, four));
        sum1 += two_to_one(_mm256_maddubs_epi16(*(const __m256i *)(w + 4 * LANES), four));
    }
    *total0 = sum0, *total1 = sum1;
    return i;
}

/* Sums of all prepared rows with two panels. */
static void add_up_two(const int8_t *w0, const int8_t *w1, const prepared *p, int n_rows,
                       int64_t n_in, vi totals[2][BUFFERED_ROWS]) {
    uint8_t weights[CHUNK * 2 * LANES] __attribute__((aligned(64)));
    int at[BUFFERED_ROWS] = {0}; /* how much of what is apart has been added */
    int64_t most = most_apart(n_in), stride = block_bytes(n_in, BY_FOUR);
    int n_blocks = (n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
    for (int r = 0; r < n_blocks * BLOCK_ROWS; r++)
        totals[0][r] = totals[1][r] = (vi){0} - p->offsets[r];
    for (int64_t k = 0; k < n_in; k += CHUNK) {
        int64_t end = k + CHUNK < n_in ? k + CHUNK : n_in, n = end - k;
        take_weights(w0 + k * LANES, w1 + k * LANES, n, weights);
        int64_t following = (end < n_in ? end : 2 * n_in) * LANES; /* or behind both panels */
        ahead next = {w0 + following, w1 + following, (16 * LANES + n_blocks - 1) / n_blocks};
        for (int row = 0, block = 0; block < n_blocks; row += BLOCK_ROWS, block++) {
            int way = p->ways[block];
            const uint8_t *codes = p->blocks + block * stride + block_bytes(k, way);
            if (way == BY_SIGN) continue;
            if (way == BY_EIGHT)
                block_of_two(weights, codes, n, &next, totals[0] + row, totals[1] + row, 8);
            else
                block_of_two(weights, codes, n, &next, totals[0] + row, totals[1] + row, 4);
            for (int r = row; r < row + BLOCK_ROWS && r < n_rows; r++)
                at[r] = add_apart(p->lists + r * most, at[r], p->n_apart[r], k, end, weights,
                                  &totals[0][r], &totals[1][r]);
        }
    }
}

/* Rows times two panels, or the last one. */
static void multiply_two(const linear *l, const result *to, const coded_rows *rows, int first_row,
                         int n_rows, int panel) {
    const uint8_t *codes = rows->codes - first_row * code_stride(l->n_in);
    const float *scales = rows->scales - first_row;
    const int *ways = rows->apart->ways;
    int n_panels = panel + 1 < panels_of(l) ? 2 : 1;
    vi totals[2][BUFFERED_ROWS];
    add_up_two(int8_panel(l, panel), int8_panel(l, panel + n_panels - 1), rows->apart, n_rows,
               padded(l->n_in), totals);
    for (int row = 0, end; row < n_rows; row = end) { /* what goes the same way */
        int by_sign = ways[row / BLOCK_ROWS] == BY_SIGN;
        end = row + BLOCK_ROWS;
        while (!by_sign && end < n_rows && ways[end / BLOCK_ROWS] != BY_SIGN) end += BLOCK_ROWS;
        int n = (end < n_rows ? end : n_rows) - row;
        for (int i = 0; i < n_panels; i++)
            if (by_sign)
                rows_int8(l, to, codes, scales, first_row + row, n, panel + i);
            else
                finish_int8(l, to, scales, first_row + row, n, (panel + i) * LANES,
                            totals[i] + row);
    }
}

/* Rows times all panels. */
static void multiply_by_blocks(const linear *l, const result *to, const coded_rows *rows,
                               int first_row, int n_rows) {
    for (int panel = 0; panel < panels_of(l); panel += 2)
        multiply_two(l, to, rows, first_row, n_rows, panel);
}

typedef struct {
    const linear *l;
    const result *to;
    const coded_rows *rows;
    int first_row, n_rows, n_panels; /* panels of one item */
} shared_product;

static void multiply_some(void *context, int item) {
    const shared_product *p = context;
    int begin = item * p->n_panels, end = begin + p->n_panels;
    for (int panel = begin; panel < end && panel < panels_of(p->l); panel += 2)
        multiply_two(p->l, p->to, p->rows, p->first_row, p->n_rows, panel);
}

/* A product whose outputs are shared out among the threads. */
static void multiply_shared(int has_workers, const linear *l, const float *x, int n_rows,
                            const coded_rows *rows, const result *to) {
    int n_panels = (panels_of(l) + 23) / 24 * 2;
    for (int first = 0; first < n_rows; first += ROWS_AT_ONCE) {
        int n = n_rows - first < ROWS_AT_ONCE ? n_rows - first : ROWS_AT_ONCE;
        shared_product p = {l, to, rows, first, n, n_panels};
        quantize_rows(x + first * l->n_in, n, l, rows);
        for_each(has_workers, (panels_of(l) + n_panels - 1) / n_panels, multiply_some, &p);
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

/* Room for a few rows of up to most_in numbers. */
static size_t few_size(int n_rows, int64_t most_in) {
    size_t size = n_rows * (code_stride(most_in) + sizeof(float)) + 128;
#if HAS_APART
    if (n_rows > ROWS) size += prepared_size(most_in);
#endif
    return size;
}

static coded_rows take_few(scratch *here, int n_rows, int64_t most_in) {
    coded_rows rows = {.codes = take(here, n_rows * code_stride(most_in)),
                       .scales = take(here, n_rows * sizeof(float))};
#if HAS_APART
    if (n_rows > ROWS) rows.apart = take_prepared(here, most_in);
#endif
    return rows;
}

/* A product of a few rows: in blocks where that is faster, else by panels. */
static void multiply_few(int has_workers, const linear *l, const float *x, int n_rows,
                         const coded_rows *rows, result to) {
#if HAS_APART
    if (l->kind == INT8 && l->limits && n_rows > ROWS) {
        multiply_shared(has_workers, l, x, n_rows, rows, &to);
        return;
    }
#endif
    multiply(has_workers, l, x, n_rows, rows->codes, rows->scales, to);
}
