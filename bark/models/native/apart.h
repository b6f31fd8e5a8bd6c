/* Products of many rows by AVX2 alone, whose sums of two products of bytes have sixteen bits.
 *
 * Weights stand 128 above what they mean, since one factor has to be unsigned. A sum of two such
 * products is exact where the two codes beside each other are small. Sums of more are let run over:
 * what they are modulo 2^16 tells what they mean once 128 times the codes is taken off, as long as
 * that is within 2^15, which the squares of the codes and of the weights vouch for. Nearly all
 * codes are that small, since the largest of a row is 127: those that are not are taken out of the
 * row, in fours, and multiplied apart. So every sum stays exact. */
#pragma once
#include "linear.h"

#define BUFFERED_ROWS 72 /* whose codes can be read: up to whole tiles or blocks */

#if LANES == 8 && defined(__AVX2__) && !defined(__AVXVNNI__)
#define HAS_APART 1
#define BLOCK_ROWS 4 /* two sums of each leave registers for weights and codes */
#define N_BLOCKS (BUFFERED_ROWS / BLOCK_ROWS)
#define STEP 32 /* inputs that are looked at together: eight fours */

typedef struct {
    int32_t codes; /* four of a row */
    int32_t four;  /* which four of its inputs */
} apart;

/* How a block of rows goes through a product: how many sums of fours are added in sixteen bits. */
enum {
    BY_SIGN, /* none, as too much would be apart: as few rows do */
    BY_FOUR,
    BY_EIGHT
};

typedef struct {
    int ways[N_BLOCKS], n_apart[BUFFERED_ROWS];
    int32_t offsets[BUFFERED_ROWS]; /* what weights too large add to what is apart */
    apart *lists;    /* of each row, as many as most_apart */
    uint8_t *blocks; /* the codes of each block, block_bytes */
} prepared;

/* Up to eight fours of a step are too large for two products, and as many for the sums. */
INLINE int64_t most_apart(int64_t n_in) { return padded(n_in) / 8 + 2 * STEP / 4; }

/* Of a block's codes up to input k. Before each four or eight fours, which have the four rows' codes
 * side by side, stands where their sums start. */
INLINE int64_t block_bytes(int64_t k, int way) { return k * 4 + k / (way == BY_EIGHT ? 2 : 1); }

static size_t prepared_size(int64_t most_in) {
    size_t of_row = sizeof(apart) * most_apart(most_in);
    size_t of_block = block_bytes(padded(most_in), BY_FOUR);
    return BUFFERED_ROWS * of_row + N_BLOCKS * of_block + sizeof(prepared) + 256;
}

static prepared *take_prepared(scratch *here, int64_t most_in) {
    prepared *p = take(here, sizeof *p);
    p->lists = take(here, sizeof(apart) * BUFFERED_ROWS * most_apart(most_in));
    p->blocks = take(here, N_BLOCKS * block_bytes(padded(most_in), BY_FOUR));
    return p;
}

/* ------------------------------------------------------------------------------------------ */
/* What codes may be, by the weights                                                            */

#define LIMITS (STEP / 4) /* of a step: for the first two codes of its fours, and the last two */
#define LIMITED 256 /* inputs of one item of a job */

/* The squares of two weights beside each other, each pair's an eighth, rounded down. */
INLINE __m256i eighths_of_squares(const int8_t *weights) {
    __m256i w = _mm256_abs_epi8(_mm256_loadu_si256((const __m256i *)weights));
    return _mm256_srli_epi16(_mm256_maddubs_epi16(w, w), 3);
}

/* What the squares of codes may add up to beside the outputs' largest sums of eighths of squares,
 * of the first two (0) or the last two (1) of fours, so that no sum of products leaves 2^15. */
INLINE int32_t limit_beside(__m256i eighths, int n_fours, int last) {
    int16_t of_outputs[16];
    _mm256_storeu_si256((__m256i *)of_outputs, eighths);
    int32_t most = 0;
    for (int i = last; i < 16; i += 2) most = of_outputs[i] > most ? of_outputs[i] : most;
    return 32767 * 32767 / (8 * (most + n_fours));
}

typedef struct {
    const linear *l;
    int32_t *limits;
} limiting;

static void limit_steps(void *context, int item) {
    const limiting *job = context;
    int64_t begin = (int64_t)item * LIMITED, end = begin + LIMITED, all = padded(job->l->n_in);
    if (end > all) end = all;
    __m256i most[LIMITED / STEP][3];
    memset(most, 0, sizeof most);
    for (int panel = 0; panel < panels_of(job->l); panel++)
        for (int64_t k = begin; k < end; k += STEP) {
            const int8_t *weights = int8_panel(job->l, panel) + k * LANES;
            __m256i sums[2], *of_step = most[(k - begin) / STEP];
            for (int half = 0; half < 2; half++, weights += 16 * LANES) {
                sums[half] = eighths_of_squares(weights);
                for (int i = 1; i < 4; i++)
                    sums[half] = _mm256_add_epi16(sums[half],
                                                  eighths_of_squares(weights + i * 4 * LANES));
                of_step[half] = _mm256_max_epi16(of_step[half], sums[half]);
            }
            of_step[2] = _mm256_max_epi16(of_step[2], _mm256_add_epi16(sums[0], sums[1]));
        }
    for (int64_t k = begin; k < end; k += STEP) {
        int32_t *to = job->limits + k / STEP * LIMITS;
        for (int i = 0; i < 6; i++)
            to[i] = limit_beside(most[(k - begin) / STEP][i / 2], i < 4 ? 4 : 8, i % 2);
    }
}

static void limit_codes(int has_workers, const linear *l, int32_t *limits) {
    limiting job = {l, limits};
    for_each(has_workers, (int)((padded(l->n_in) + LIMITED - 1) / LIMITED), limit_steps, &job);
}

/* ------------------------------------------------------------------------------------------ */
/* Taking apart                                                                                 */

/* The larger of what the positive codes of each two add up to, and what the negative ones do. */
INLINE __m256i reach_of_two(__m256i codes) {
    __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    __m256i up = _mm256_maddubs_epi16(_mm256_max_epi8(codes, zero), one);
    __m256i down = _mm256_maddubs_epi16(_mm256_max_epi8(_mm256_sub_epi8(zero, codes), zero), one);
    return _mm256_max_epi16(up, down);
}

/* What is more than 64 away from 0 where two codes are too much. */
INLINE __m256i too_far(__m256i codes) {
    __m256i most = _mm256_set1_epi8(64), least = _mm256_set1_epi8(-64);
    __m256i much = _mm256_cmpgt_epi16(reach_of_two(codes), _mm256_set1_epi16(128));
    __m256i near = _mm256_max_epi8(_mm256_min_epi8(codes, most), least);
    return _mm256_and_si256(much, _mm256_sub_epi8(codes, near));
}

/* What the four lanes of each half add up to, in each of them. */
INLINE __m256i sum_of_half(__m256i x, int way) {
    x = _mm256_add_epi32(x, _mm256_shuffle_epi32(x, 0x4e));
    x = _mm256_add_epi32(x, _mm256_shuffle_epi32(x, 0xb1));
    return way == BY_EIGHT ? _mm256_add_epi32(x, _mm256_permute2x128_si256(x, x, 1)) : x;
}

/* Of four rows, one in each lane of a half. */
INLINE __m256i rows_side_by_side(const __m256i *rows) {
    __m256i low = _mm256_blend_epi32(rows[0], rows[1], 0x22);
    return _mm256_blend_epi32(low, _mm256_blend_epi32(rows[2], rows[3], 0x88), 0xcc);
}

/* The bits of sums of a step that could be too large, the first four of its first half. */
INLINE int sums_too_large(const __m256i *rows, const int32_t *limits, int way) {
    __m256i first[BLOCK_ROWS], last[BLOCK_ROWS];
    for (int r = 0; r < BLOCK_ROWS; r++) {
        __m256i codes = _mm256_abs_epi8(rows[r]), squares = _mm256_maddubs_epi16(codes, codes);
        first[r] = sum_of_half(_mm256_and_si256(squares, _mm256_set1_epi32(0xffff)), way);
        last[r] = sum_of_half(_mm256_srli_epi32(squares, 16), way);
    }
    int32_t at = way == BY_EIGHT ? 4 : 0, next = way == BY_EIGHT ? 0 : 2;
    __m256i which = _mm256_setr_epi32(at, at, at, at, at + next, at + next, at + next, at + next);
    __m256i all = _mm256_loadu_si256((const __m256i *)limits);
    __m256i most_first = _mm256_permutevar8x32_epi32(all, which);
    __m256i most_last = _mm256_permutevar8x32_epi32(all, which + (__m256i)((vi){0} + 1));
    __m256i much = _mm256_or_si256(_mm256_cmpgt_epi32(rows_side_by_side(first), most_first),
                                   _mm256_cmpgt_epi32(rows_side_by_side(last), most_last));
    return _mm256_movemask_ps(_mm256_castsi256_ps(much));
}

/* Takes the largest fours out of those whose sum could be too large. */
static int take_largest(int8_t *codes, int n_fours, const int32_t *limits, apart *list, int n,
                        int64_t four) {
    for (;;) {
        int32_t sums[2] = {0}, squares[STEP / 4][2];
        for (int i = 0; i < n_fours * 2; i++) {
            const int8_t *two = codes + 2 * i;
            sums[i % 2] += squares[i / 2][i % 2] = two[0] * two[0] + two[1] * two[1];
        }
        int last = sums[1] > limits[1], largest = 0;
        if (sums[0] <= limits[0] && !last) return n;
        for (int i = 1; i < n_fours; i++)
            if (squares[i][last] > squares[largest][last]) largest = i;
        list[n].four = (int32_t)four + largest;
        memcpy(&list[n++].codes, codes + 4 * largest, 4);
        memset(codes + 4 * largest, 0, 4);
    }
}

/* Takes out of a row's codes what two products cannot hold. */
INLINE int take_far(__m256i *codes, apart *list, int n, int64_t four) {
    __m256i far = too_far(*codes), none = _mm256_cmpeq_epi32(far, _mm256_setzero_si256());
    int fours = ~_mm256_movemask_ps(_mm256_castsi256_ps(none)) & 0xff;
    if (!fours) return n;
    int32_t parts[STEP / 4];
    _mm256_storeu_si256((__m256i *)parts, far);
    *codes = _mm256_sub_epi8(*codes, far);
    for (; fours; fours &= fours - 1) {
        int i = __builtin_ctz(fours);
        list[n++] = (apart){parts[i], (int32_t)four + i};
    }
    return n;
}

/* A step of four rows becomes a part of their block. */
INLINE uint8_t *pack_step(const __m256i *rows, int way, uint8_t *to) {
    __m256i starts[BLOCK_ROWS];
    for (int r = 0; r < BLOCK_ROWS; r++) { /* pairs of words: no sum runs over its sixteen bits */
        __m256i sums = _mm256_maddubs_epi16(_mm256_set1_epi8(1), rows[r]);
        sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0x4e));
        sums = _mm256_add_epi16(sums, _mm256_shuffle_epi32(sums, 0xb1));
        if (way == BY_EIGHT)
            sums = _mm256_add_epi16(sums, _mm256_permute2x128_si256(sums, sums, 1));
        starts[r] = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(sums, 7));
    }
    __m256i a = _mm256_unpacklo_epi32(rows[0], rows[1]), b = _mm256_unpackhi_epi32(rows[0], rows[1]);
    __m256i c = _mm256_unpacklo_epi32(rows[2], rows[3]), d = _mm256_unpackhi_epi32(rows[2], rows[3]);
    __m256i fours[] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c),
                       _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)};
    __m256i start = rows_side_by_side(starts);
    _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(start));
    to += 16;
    for (int i = 0; i < 4; i++, to += 16)
        _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(fours[i]));
    if (way == BY_FOUR) {
        _mm_storeu_si128((__m128i *)to, _mm256_extracti128_si256(start, 1));
        to += 16;
    }
    for (int i = 0; i < 4; i++, to += 16)
        _mm_storeu_si128((__m128i *)to, _mm256_extracti128_si256(fours[i], 1));
    return to;
}

/* A step of a block's codes; rows that are not there are zeros. */
INLINE void load_rows(const uint8_t *codes, int64_t stride, int n_rows, __m256i *rows) {
    for (int r = 0; r < BLOCK_ROWS; r++)
        rows[r] = r < n_rows ? _mm256_loadu_si256((const __m256i *)(codes + r * stride))
                             : _mm256_setzero_si256();
}

/* Whether few sums of eight fours could be too large. */
static int way_of(const uint8_t *codes, int64_t stride, int64_t n_in, int n_rows,
                  const int32_t *limits) {
    int64_t n_large = 0;
    __m256i rows[BLOCK_ROWS];
    for (int64_t k = 0; k < n_in; k += STEP) {
        load_rows(codes + k, stride, n_rows, rows);
        n_large += __builtin_popcount(
            sums_too_large(rows, limits + k / STEP * LIMITS, BY_EIGHT) & 15);
    }
    return n_large * STEP < n_in * n_rows / 4 ? BY_EIGHT : BY_FOUR;
}

/* Returns 0 where too much would be apart. */
INLINE int prepare_block(prepared *p, int row, const uint8_t *codes, int64_t n_in, int n_rows,
                         const int32_t *limits, const int way) {
    int64_t stride = code_stride(n_in), most = most_apart(n_in);
    uint8_t *to = p->blocks + row / BLOCK_ROWS * block_bytes(padded(n_in), BY_FOUR);
    int *n_apart = p->n_apart + row;
    apart *lists = p->lists + row * most;
    memset(n_apart, 0, sizeof(int) * BLOCK_ROWS);
    for (int64_t k = 0; k < padded(n_in); k += STEP, limits += LIMITS) {
        __m256i rows[BLOCK_ROWS];
        load_rows(codes + k, stride, n_rows, rows);
        for (int r = 0; r < n_rows; r++) {
            if (n_apart[r] + 2 * STEP / 4 > most) return 0;
            n_apart[r] = take_far(rows + r, lists + r * most, n_apart[r], k / 4);
        }
        int large = sums_too_large(rows, limits, way);
        if (way == BY_EIGHT) large &= 15;
        for (; large; large &= large - 1) {
            int i = __builtin_ctz(large), r = i % 4, half = i / 4;
            int8_t parts[STEP];
            _mm256_storeu_si256((__m256i *)parts, rows[r]);
            n_apart[r] = take_largest(parts + 16 * half, way == BY_EIGHT ? 8 : 4,
                                      limits + (way == BY_EIGHT ? 4 : 2 * half), lists + r * most,
                                      n_apart[r], k / 4 + 4 * half);
            rows[r] = _mm256_loadu_si256((const __m256i *)parts);
        }
        to = pack_step(rows, way, to);
    }
    return 1;
}

/* Makes rows of codes ready for a layer with these limits. */
static void prepare(prepared *p, uint8_t *codes, int64_t n_in, int n_rows, const int32_t *limits) {
    int64_t stride = code_stride(n_in), end = padded(n_in), most = most_apart(n_in);
    for (int r = 0; r < n_rows; r++) memset(codes + r * stride + n_in, 0, end - n_in);
    for (int row = 0; row < n_rows; row += BLOCK_ROWS) {
        const uint8_t *here = codes + row * stride;
        int n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        int way = way_of(here, stride, end, n, limits);
        int is_done = way == BY_EIGHT ? prepare_block(p, row, here, n_in, n, limits, BY_EIGHT)
                                      : prepare_block(p, row, here, n_in, n, limits, BY_FOUR);
        p->ways[row / BLOCK_ROWS] = is_done ? way : BY_SIGN;
        for (int r = row; r < row + BLOCK_ROWS; r++) {
            p->offsets[r] = 0;
            for (int i = 0; i < p->n_apart[r] && is_done; i++)
                for (int byte = 0; byte < 4; byte++)
                    p->offsets[r] += 128 * ((const int8_t *)&p->lists[r * most + i].codes)[byte];
        }
    }
}
#else
#define HAS_APART 0
#endif

/* How many numbers limit what the codes of so many inputs may be. */
INLINE int64_t n_limits(int64_t n_in) { return HAS_APART ? padded(n_in) / 4 : 0; }

/* Bytes that a layer needs for limits if it has none yet. */
INLINE int64_t limits_size(const linear *l) { return l->limits ? 0 : 4 * n_limits(l->n_in); }

/* Gives a layer in eight bits its limits if it has none, at `*room`, which moves behind them. */
static void take_limits(int has_workers, linear *l, int8_t **room) {
#if HAS_APART
    if (l->limits) return;
    int32_t *limits = (int32_t *)*room;
    limit_codes(has_workers, l, limits);
    *room += limits_size(l);
    l->limits = limits;
#else
    (void)has_workers, (void)l, (void)room;
#endif
}
