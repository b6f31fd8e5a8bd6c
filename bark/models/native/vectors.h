/* Vectors in the compiler's own types, as wide as the processor's, and a few functions of them. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#if defined(__AVX512VNNI__)
#define LANES 16
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif defined(__AVX__)
#define LANES 8
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15
#else
#define LANES 4
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7
#endif

#define VECTOR(type) __attribute__((vector_size(LANES * sizeof(type))))
#define UNALIGNED(type) __attribute__((vector_size(LANES * sizeof(type)), aligned(sizeof(type))))
typedef float vf VECTOR(float);
typedef int32_t vi VECTOR(int32_t);
typedef uint32_t vu VECTOR(uint32_t);
typedef uint16_t vh VECTOR(uint16_t);
typedef uint8_t vb VECTOR(uint8_t);
typedef float vf_u UNALIGNED(float);
typedef int32_t vi_u UNALIGNED(int32_t);
typedef uint16_t vh_u UNALIGNED(uint16_t);
typedef uint8_t vb_u UNALIGNED(uint8_t);

INLINE vf load(const float *p) { return *(const vf_u *)p; }
INLINE void store(float *p, vf x) { *(vf_u *)p = x; }
INLINE vf splat(float x) { return x - (vf){0}; }

INLINE vf from_bf16(const uint16_t *p) {
    return (vf)(__builtin_convertvector(*(const vh_u *)p, vu) << 16);
}

INLINE void to_bf16(uint16_t *p, vf x) { /* rounds to nearest, ties to even */
#if LANES == 16 && defined(__AVX512BF16__)
    *(vh_u *)p = (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x;
    bits += 0x7fff + ((bits >> 16) & 1);
    *(vh_u *)p = __builtin_convertvector(bits >> 16, vh);
#endif
}

/* The lowest byte of each lane. */
INLINE void store_bytes(uint8_t *p, vu x) {
#if LANES == 8 && defined(__AVX2__) /* compilers take the bytes one by one */
    const __m256i lowest = _mm256_set1_epi32(0x0c080400);
    __m256i four = _mm256_shuffle_epi8((__m256i)x, lowest);
    __m128i high = _mm256_extracti128_si256(four, 1);
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(four), high));
#else
    *(vb_u *)p = __builtin_convertvector(x & 0xff, vb);
#endif
}

#if LANES == 16
INLINE vf max_f(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf min_f(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
#elif LANES == 8
INLINE vf max_f(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf min_f(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#elif defined(__aarch64__)
INLINE vf max_f(vf a, vf b) { return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); }
INLINE vf min_f(vf a, vf b) { return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b); }
#else
INLINE vf select_f(vi mask, vf yes, vf no) { return (vf)(((vi)yes & mask) | ((vi)no & ~mask)); }
INLINE vf max_f(vf a, vf b) { return select_f(a > b, a, b); }
INLINE vf min_f(vf a, vf b) { return select_f(a < b, a, b); }
#endif
INLINE vf abs_f(vf x) { return (vf)((vi)x & 0x7fffffff); }

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (vi){__VA_ARGS__})
#endif
INLINE vf add_pairs(vf a, vf b) { return SHUFFLE(a, b, EVENS) + SHUFFLE(a, b, ODDS); }

/* The sums of as many vectors as one has lanes, one in each lane. */
INLINE vf sums(const vf *a) {
    vf b[LANES];
    for (int i = 0; i < LANES; i++) b[i] = a[i];
    for (int n = LANES / 2; n; n /= 2)
        for (int i = 0; i < n; i++) b[i] = add_pairs(b[2 * i], b[2 * i + 1]);
    return b[0];
}

INLINE float sum(vf x) {
    for (int n = LANES; n > 1; n /= 2) x = add_pairs(x, x);
    return x[0];
}

INLINE float largest(vf x) {
    float lanes[LANES];
    store(lanes, x);
    float most = lanes[0];
    for (int i = 1; i < LANES; i++) most = lanes[i] > most ? lanes[i] : most;
    return most;
}

/* Two sums are done with before what comes next is loaded: compilers would else load all of it
 * first and have no register left for a sum. */
#if defined(__x86_64__)
#define PIN(a, b) __asm__ volatile("" : "+v"(a), "+v"(b))
#define PIN_ONE(a) __asm__ volatile("" : "+v"(a))
#else
#define PIN(a, b) (void)0
#define PIN_ONE(a) (void)0
#endif

#define LOG2_E 1.44269504f

/* 2^t for t of at most 127; of less than -126 it is 2^-126. What is behind the whole number goes
 * through a polynomial, fitted on +-0.5 with an error of 2e-9. */
INLINE vf exp2_f(vf t) {
    t = max_f(t, splat(-126.0f));
    vf n = t + 12582912.0f; /* 1.5 * 2^23: the sum is rounded to a whole number */
    vf f = t - (n - 12582912.0f);
    vf p = f * 1.5345811e-4f + 1.3399931e-3f;
    p = p * f + 9.6184891e-3f;
    p = p * f + 5.5503286e-2f;
    p = p * f + 2.4022646e-1f;
    p = p * f + 6.9314718e-1f;
    p = p * f + 1.0f;
    return (vf)((vi)p + ((vi)n << 23));
}

/* The same with an error of 7e-5, for results of sixteen bits. */
INLINE vf exp2_rough(vf t) {
    t = max_f(t, splat(-126.0f));
    vf n = t + 12582912.0f;
    vf f = t - (n - 12582912.0f);
    vf p = f * 5.5171657e-2f + 2.4261113e-1f;
    p = p * f + 6.9326097e-1f;
    p = p * f + 9.9992806e-1f;
    return (vf)((vi)p + ((vi)n << 23));
}
