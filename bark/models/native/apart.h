/* Products of many rows by AVX2 alone, whose sums of two products of bytes have sixteen bits.
 *
 * Such a sum is exact while it stays below 2^15. With weights as 1 to 255 that holds where the two
 * codes beside each other are small, and where four of them are, two sums can be added before they
 * are widened. Nearly all codes are that small, since the largest of a row is 127: those that are
 * not are taken out of the row, in fours, and multiplied apart. So every sum stays exact. */
#pragma once
#include "linear.h"

#define BUFFERED_ROWS 72 /* whose codes can be read: up to whole tiles or blocks */

#if LANES == 8 && defined(__AVX2__) && !defined(__AVXVNNI__)
#define HAS_APART 1
#define BLOCK_ROWS 10 /* as many sums as leave registers for weights and codes */

typedef struct {
    int32_t codes; /* four of a row of a block */
    uint16_t row, four; /* which row, and which four of its inputs */
} apart;

/* How a block of rows goes through a product. */
enum {
    BY_SIGN, /* too much would be apart: as few rows do */
    BY_TWO,
    BY_FOUR
};

typedef struct {
    int ways[BUFFERED_ROWS / BLOCK_ROWS + 1], n_apart[BUFFERED_ROWS / BLOCK_ROWS + 1];
    int32_t offsets[BUFFERED_ROWS + BLOCK_ROWS]; /* what weights too large add up to */
    apart *lists; /* of the blocks, as many as most_apart for each row */
} prepared;

INLINE int64_t most_apart(int64_t n_in) { return padded(n_in) / 8; }

static size_t prepared_size(int64_t most_in) {
    return sizeof(apart) * BUFFERED_ROWS * most_apart(most_in) + sizeof(prepared) + 128;
}

static prepared *take_prepared(scratch *here, int64_t most_in) {
    prepared *p = take(here, sizeof *p);
    p->lists = take(here, sizeof(apart) * BUFFERED_ROWS * most_apart(most_in));
    return p;
}

/* The larger of what the positive codes of each two add up to, and what the negative ones do. */
INLINE __m256i reach_of_two(__m256i codes, int64_t and_the_two_before) {
    __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    __m256i up = _mm256_maddubs_epi16(_mm256_max_epi8(codes, zero), one);
    __m256i down = _mm256_maddubs_epi16(_mm256_max_epi8(_mm256_sub_epi8(zero, codes), zero), one);
    if (and_the_two_before) { /* of the four before, in the same half of their lane */
        up = _mm256_add_epi16(up, _mm256_slli_epi64(up, 32));
        down = _mm256_add_epi16(down, _mm256_slli_epi64(down, 32));
    }
    return _mm256_max_epi16(up, down);
}

/* What is more than 64 away from 0 where two codes are too much. */
INLINE __m256i too_far(__m256i codes) {
    __m256i most = _mm256_set1_epi8(64), least = _mm256_set1_epi8(-64);
    __m256i much = _mm256_cmpgt_epi16(reach_of_two(codes, 0), _mm256_set1_epi16(128));
    __m256i near = _mm256_max_epi8(_mm256_min_epi8(codes, most), least);
    return _mm256_and_si256(much, _mm256_sub_epi8(codes, near));
}

/* The bits of fours that are not all 0. */
INLINE int fours_of(__m256i codes) {
    __m256i none = _mm256_cmpeq_epi32(codes, _mm256_setzero_si256());
    return ~_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 0xff;
}

/* The bits of fours that must not be added to the one before them in sixteen bits; of every second
 * one. */
INLINE int fours_too_much(__m256i codes) {
    return fours_of(_mm256_cmpgt_epi16(reach_of_two(codes, 1), _mm256_set1_epi16(128))) & 0xaa;
}

/* The way of a block of rows, by what it would leave apart. */
static int way_of(const uint8_t *codes, int64_t stride, int64_t n_in, int n_rows) {
    int64_t most = most_apart(n_in), by_two = 0, by_four = 0;
    for (int r = 0; r < n_rows; r++) {
        int64_t two = 0, four = 0;
        for (int64_t k = 0; k < n_in; k += 32) {
            __m256i c = _mm256_loadu_si256((const __m256i *)(codes + r * stride + k));
            __m256i far = too_far(c);
            two += __builtin_popcount(fours_of(far));
            four += __builtin_popcount(fours_too_much(_mm256_sub_epi8(c, far)));
        }
        by_two = two > by_two ? two : by_two;
        by_four += four;
        if (two + four > most) by_four = n_in * n_rows;
    }
    if (by_two > most) return BY_SIGN;
    return by_four * 50 < n_in * n_rows ? BY_FOUR : BY_TWO;
}

INLINE int set_apart(apart *list, int n, __m256i codes, int fours, int row, int64_t k) {
    int32_t parts[8];
    _mm256_storeu_si256((__m256i *)parts, codes);
    for (; fours; fours &= fours - 1) {
        int i = __builtin_ctz(fours);
        list[n++] = (apart){parts[i], (uint16_t)row, (uint16_t)(k / 4 + i)};
    }
    return n;
}

/* Takes out of a row, from input k on, what is multiplied apart. */
INLINE int take_apart(uint8_t *codes, int way, apart *list, int n, int row, int64_t k) {
    __m256i c = _mm256_loadu_si256((const __m256i *)(codes + k)), far = too_far(c);
    int fours = fours_of(far);
    if (fours) n = set_apart(list, n, far, fours, row, k);
    c = _mm256_sub_epi8(c, far);
    int much = way == BY_FOUR ? fours_too_much(c) : 0;
    if (much) {
        n = set_apart(list, n, c, much, row, k);
        int32_t parts[8];
        _mm256_storeu_si256((__m256i *)parts, c);
        for (; much; much &= much - 1) parts[__builtin_ctz(much)] = 0;
        c = _mm256_loadu_si256((const __m256i *)parts);
    }
    _mm256_storeu_si256((__m256i *)(codes + k), c);
    return n;
}

static int32_t sum_of_codes(const uint8_t *codes, int64_t n_in) {
    vi total = {0};
    for (int64_t k = 0; k < n_in; k += 32) {
        __m256i c = _mm256_loadu_si256((const __m256i *)(codes + k));
        __m256i two = _mm256_maddubs_epi16(_mm256_set1_epi8(1), c);
        total += (vi)_mm256_madd_epi16(two, _mm256_set1_epi16(1));
    }
    int32_t sum = 0;
    for (int i = 0; i < LANES; i++) sum += total[i];
    return sum;
}

/* Makes rows of codes ready; they are changed. */
static void prepare(prepared *p, uint8_t *codes, int64_t n_in, int n_rows) {
    int64_t stride = code_stride(n_in), end = padded(n_in);
    for (int r = 0; r < n_rows; r++) memset(codes + r * stride + n_in, 0, end - n_in);
    for (int row = 0; row < n_rows; row += BLOCK_ROWS) {
        int n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        int way = p->ways[row / BLOCK_ROWS] = way_of(codes + row * stride, stride, end, n);
        apart *list = p->lists + row * most_apart(n_in);
        p->n_apart[row / BLOCK_ROWS] = 0;
        for (int r = row; r < row + n && way != BY_SIGN; r++)
            p->offsets[r] = 128 * sum_of_codes(codes + r * stride, end);
        /* Input by input: so what follows each other is mostly of different rows. */
        for (int64_t k = 0; k < end && way != BY_SIGN; k += 32)
            for (int r = 0; r < n; r++)
                p->n_apart[row / BLOCK_ROWS] = take_apart(
                    codes + (row + r) * stride, way, list, p->n_apart[row / BLOCK_ROWS], r, k);
    }
}
#else
#define HAS_APART 0
#endif
