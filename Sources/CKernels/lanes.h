#pragma once
#include "CKernels.h"
#include <string.h>

// What the kernels share: sixteen lanes as one vector type, widening, turning, the tree, and the exponential.
//
// A kernel's fast form is written once over `lanes` and compiled for each instruction set: 16 floats are one AVX-512
// register, two AVX2 registers or four NEON registers, with the same operations on each lane. Vectors are passed by
// address: by value their calling convention would depend on the instruction set. All of it is inlined into the
// functions that name a target.

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("clang loop unroll(full)")

#if defined(__x86_64__)
#define HAS_AVX 1
#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
#elif defined(__aarch64__)
#define HAS_NEON 1
// Every processor of this kind has it: functions need not name it.
#define NEON
#endif

#ifndef HAS_AVX
#define HAS_AVX 0
#endif
#ifndef HAS_NEON
#define HAS_NEON 0
#endif
#define HAS_VECTOR_TARGETS (HAS_AVX || HAS_NEON)

/// Compiles `name##_body`, plain C that names no vector, for every instruction set, and defines `name`, which chooses.
/// What all processors of a kind have, the compiler uses in the portable form.
#if HAS_AVX
#define FOR_EVERY_TARGET(result, name, parameters, arguments)                                                          \
    static result name##_portable parameters { return name##_body arguments; }                                         \
    AVX2 static result name##_avx2 parameters { return name##_body arguments; }                                        \
    AVX512 static result name##_avx512 parameters { return name##_body arguments; }                                    \
    static result(*name(int instruction_set)) parameters                                                               \
    {                                                                                                                  \
        return instruction_set == LOCKSTEP_AVX512 ? name##_avx512                                                      \
               : instruction_set == LOCKSTEP_AVX2 ? name##_avx2                                                        \
                                                  : name##_portable;                                                   \
    }
#else
#define FOR_EVERY_TARGET(result, name, parameters, arguments)                                                          \
    static result name##_portable parameters { return name##_body arguments; }                                         \
    static result(*name(int instruction_set)) parameters                                                               \
    {                                                                                                                  \
        (void)instruction_set;                                                                                         \
        return name##_portable;                                                                                        \
    }
#endif

typedef float lanes __attribute__((vector_size(64)));
typedef float half_lanes __attribute__((vector_size(32)));
typedef float quarter_lanes __attribute__((vector_size(16)));
typedef uint32_t lane_bits __attribute__((vector_size(64)));
typedef int32_t lane_integers __attribute__((vector_size(64)));
typedef int8_t unaligned_bytes __attribute__((vector_size(16), aligned(1), may_alias));
typedef float unaligned_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint16_t unaligned_words __attribute__((vector_size(32), aligned(2), may_alias));
typedef _Float16 unaligned_halves __attribute__((vector_size(32), aligned(2), may_alias));

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/// The range of `count` items that is the part of `thread`, cut at multiples of `block`.
INLINE void part_of(size_t count, size_t block, int thread, int threads, size_t *first, size_t *last)
{
    size_t blocks = (count + block - 1) / block;
    *first = smaller(count, blocks * (size_t)thread / (size_t)threads * block);
    *last = smaller(count, blocks * (size_t)(thread + 1) / (size_t)threads * block);
}

// Rows or panels of one token's product that are multiplied at once, and bytes from what is multiplied to what is asked
// for meanwhile (of few tokens far ahead, too). Processors fetch ahead by themselves: what helps them differs.
enum {
    /// Asked for near by: a Sapphire or Emerald Rapids gives four streams, each with a prefetcher of its own, a quarter
    /// more than one, and 5 % to 10 % more where they are asked for: into the second cache, and once more, nearer, into
    /// the first. An Emerald Rapids gives 5 % to 10 % more by both than by the one alone.
    STREAMS = 4,
    NEAR_AHEAD = 3072,
    NEAREST_AHEAD = 1024,
    /// Asked for far ahead: a Zen 5 gives one stream of panels, some hundred lines ahead, a tenth to a fifth more than
    /// four. Sums of one row would wait for each other: rows are two.
    FAR_ROWS = 2,
    FAR_ROWS_AHEAD = 4096,
    FAR_PANEL_AHEAD = 6144,
    /// Asked for close by: a Zen 4 that is asked far ahead gives a tenth to a fifth less than one that is not asked at
    /// all. Asked a few lines ahead it gives a little more than that one: for a single stream of panels three lines,
    /// into the first cache, for four rows eight lines, into the second.
    CLOSE_ROWS_AHEAD = 512,
    CLOSE_PANEL_AHEAD = 192,
};

/// Fetches a line that is read once: past the second cache where it is asked for far ahead, into it else. An Emerald
/// Rapids fetches past it at 6 GB/s, into it at 14; a Zen 4 reads keys and values of bf16 a third faster where they are
/// fetched into it.
INLINE void fetch_line(const char *line, const int fetching)
{
    if (fetching == LOCKSTEP_FETCH_FAR)
        __builtin_prefetch(line, 0, 0);
    else
        __builtin_prefetch(line, 0, 2);
}

/// Fetches what a stream reads next, while it reads at `at`, where it is asked for near by.
INLINE void fetch_near(const char *at)
{
    __builtin_prefetch(at + NEAR_AHEAD, 0, 2);
    __builtin_prefetch(at + NEAREST_AHEAD, 0, 3);
}

/// Fetches what a row's product reads next, while it reads at `at`.
INLINE void fetch_row(const char *at, const int fetching)
{
    switch (fetching) {
    case LOCKSTEP_FETCH_FAR: __builtin_prefetch(at + FAR_ROWS_AHEAD, 0, 0); return;
    case LOCKSTEP_FETCH_CLOSE: __builtin_prefetch(at + CLOSE_ROWS_AHEAD, 0, 2); return;
    default: fetch_near(at);
    }
}

/// Fetches what a panel's product reads next, while it reads at `at`.
INLINE void fetch_panel(const char *at, const int fetching)
{
    switch (fetching) {
    case LOCKSTEP_FETCH_FAR: __builtin_prefetch(at + FAR_PANEL_AHEAD, 0, 0); return;
    case LOCKSTEP_FETCH_CLOSE: __builtin_prefetch(at + CLOSE_PANEL_AHEAD, 0, 3); return;
    default: fetch_near(at);
    }
}

INLINE size_t row_streams(const int fetching) { return fetching == LOCKSTEP_FETCH_FAR ? FAR_ROWS : STREAMS; }

INLINE size_t panel_streams(const int fetching) { return fetching == LOCKSTEP_FETCH_NEAR ? STREAMS : 1; }

/// Makes `call`, in which `way` stands for `fetching`: a constant in each of three copies, so that loops are compiled
/// for it.
#define BY_FETCHING(fetching, call)                                                                                    \
    do {                                                                                                               \
        if ((fetching) == LOCKSTEP_FETCH_FAR) {                                                                        \
            const int way = LOCKSTEP_FETCH_FAR;                                                                        \
            call;                                                                                                      \
        } else if ((fetching) == LOCKSTEP_FETCH_CLOSE) {                                                               \
            const int way = LOCKSTEP_FETCH_CLOSE;                                                                      \
            call;                                                                                                      \
        } else {                                                                                                       \
            const int way = LOCKSTEP_FETCH_NEAR;                                                                       \
            call;                                                                                                      \
        }                                                                                                              \
    } while (0)

typedef uint16_t eight_pairs __attribute__((vector_size(16)));
typedef uint16_t unaligned_eight_pairs __attribute__((vector_size(16), aligned(1), may_alias));

/// Eight rows of eight pairs of bytes, `stride` bytes apart, become eight columns, `to_stride` bytes apart, by
/// interleaving. Neither side need be aligned; all is read before any is written.
INLINE void turn_pairs(const void *from, size_t stride, void *to, size_t to_stride)
{
    eight_pairs a[8], b[8];
    UNROLL for (size_t i = 0; i < 8; i++)
        a[i] = *(const unaligned_eight_pairs *)((const char *)from + i * stride);
    UNROLL for (int step = 0; step < 3; step++)
    {
        UNROLL for (int i = 0; i < 4; i++)
        {
            b[2 * i] = __builtin_shufflevector(a[i], a[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
            b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
        }
        memcpy(a, b, sizeof a);
    }
    UNROLL for (size_t i = 0; i < 8; i++)
        *(unaligned_eight_pairs *)((char *)to + i * to_stride) = a[i];
}

/// Whether streams so many bytes apart, or every second of them, meet in the same banks of memory.
INLINE int meets_in_banks(size_t distance) { return 2 * distance % (1 << 16) == 0; }

/// How many pieces of `byte_count` bytes lie from one stream to the next where `count` of them, which lie side by side
/// and are at least as many, are read as `streams` streams at once. Streams 64 KiB apart are up to a tenth slower than
/// those 1 MiB apart, and streams whose distance is a multiple of 64 KiB a tenth to a quarter slower than others.
INLINE size_t stream_distance(size_t count, size_t streams, size_t byte_count)
{
    const size_t enough = 1 << 20;
    const size_t distance = smaller(count / streams, byte_count ? (enough + byte_count - 1) / byte_count : enough);
    const int can_avoid = distance > 1 && !meets_in_banks(byte_count);
    return can_avoid && meets_in_banks(distance * byte_count) ? distance - 1 : distance;
}

INLINE size_t bytes_per_element(int encoding) { return encoding == LOCKSTEP_F32 ? 4 : 2; }

INLINE float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

INLINE uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/// Rounded to nearest, ties to even; NaN stays NaN.
INLINE uint16_t bfloat_of_float(float value)
{
    const uint32_t bits = bits_of_float(value);
    return (uint16_t)(value != value ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// binary16 to binary32 without the instruction.
INLINE float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff;
    if (exponent == 0x1f)
        return float_of_bits(sign | 0x7f800000 | (fraction ? 0x400000 : 0) | fraction << 13);
    if (exponent == 0)
        return float_of_bits(sign | bits_of_float((float)fraction * 0x1p-24f));
    return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/// Element k of a row, as f32.
INLINE float widened(const void *row, size_t k, int encoding)
{
    if (encoding == LOCKSTEP_F32)
        return ((const float *)row)[k];
    uint16_t bits = ((const uint16_t *)row)[k];
    return encoding == LOCKSTEP_BF16 ? float_of_bits((uint32_t)bits << 16) : float_of_half(bits);
}

/// The canonical sum of sixteen lanes.
INLINE float tree(const float *sums)
{
    float s[8];
    for (int i = 0; i < 8; i++)
        s[i] = sums[i] + sums[i + 8];
    for (int i = 0; i < 4; i++)
        s[i] += s[i + 4];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/// The canonical sum of squares that are rounded before they are added.
INLINE float sum_of_squares(const float *x, size_t count)
{
    float sums[16] = {0};
    for (size_t i = 0; i < count; i++)
        sums[i % 16] += x[i] * x[i];
    return tree(sums);
}

/// exp(x): x = n ln 2 + r, a polynomial in r, and 2^n in two factors so that one rounding makes a subnormal result.
/// The coefficients are a minimax fit on |r| <= ln 2 / 2.
INLINE float exponential(float x)
{
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    const float shift = 0x1.8p23f;
    float shifted = __builtin_fmaf(x, 0x1.715476p+0f, shift);
    float n = shifted - shift;
    float r = __builtin_fmaf(n, -0x1.62e4p-1f, x);
    r = __builtin_fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 1.37805939e-3f;
    p = __builtin_fmaf(p, r, 8.37312452e-3f);
    p = __builtin_fmaf(p, r, 4.16695364e-2f);
    p = __builtin_fmaf(p, r, 1.66664720e-1f);
    p = __builtin_fmaf(p, r, 4.99999851e-1f);
    p = __builtin_fmaf(p, r, 1.0f);
    p = __builtin_fmaf(p, r, 1.0f);
    int32_t power = (int32_t)(bits_of_float(shifted) - bits_of_float(shift));
    int32_t first = power >> 1, second = power - first;
    p *= float_of_bits((uint32_t)(first + 127) << 23);
    return p * float_of_bits((uint32_t)(second + 127) << 23);
}

INLINE void load(lanes *to, const float *from) { *to = *(const unaligned_lanes *)from; }
INLINE void store(float *to, const lanes *from) { *(unaligned_lanes *)to = *from; }

/// The first `count` lanes from memory, zero in the others.
INLINE void load_first(lanes *to, const float *from, size_t count)
{
    float padded[16] __attribute__((aligned(64))) = {0};
    memcpy(padded, from, count * sizeof(float));
    load(to, padded);
}

/// The first `count` lanes to memory.
INLINE void store_first(float *to, const lanes *from, size_t count)
{
    float padded[16] __attribute__((aligned(64)));
    store(padded, from);
    memcpy(to, padded, count * sizeof(float));
}

INLINE void fill(lanes *to, float value)
{
    *to = (lanes){value, value, value, value, value, value, value, value,
                  value, value, value, value, value, value, value, value};
}

/// sum += a * b in each lane, rounded once.
INLINE void accumulate(lanes *sum, const lanes *a, const lanes *b) { *sum = __builtin_elementwise_fma(*a, *b, *sum); }

/// Sixteen elements of any encoding, as f32.
INLINE void load_widened(lanes *to, const void *from, int encoding)
{
    if (encoding == LOCKSTEP_F32) {
        *to = *(const unaligned_lanes *)from;
    } else if (encoding == LOCKSTEP_BF16) {
        *to = (lanes)(__builtin_convertvector(*(const unaligned_words *)from, lane_bits) << 16);
    } else {
        *to = __builtin_convertvector(*(const unaligned_halves *)from, lanes);
    }
}

/// All ones in the first `count` lanes.
INLINE void mask_first(lane_bits *mask, size_t count)
{
    const lane_bits index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    *mask = (lane_bits)(index < (uint32_t)count);
}

INLINE void keep(lanes *values, const lane_bits *mask) { *values = (lanes)((lane_bits)*values & *mask); }

INLINE void halve(half_lanes *sums, const lanes *a)
{
    *sums = __builtin_shufflevector(*a, *a, 0, 1, 2, 3, 4, 5, 6, 7)
            + __builtin_shufflevector(*a, *a, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// The canonical sums of four vectors at once.
INLINE void tree_of_four(float *sums, const lanes *a, const lanes *b, const lanes *c, const lanes *d)
{
    half_lanes a8, b8, c8, d8;
    halve(&a8, a);
    halve(&b8, b);
    halve(&c8, c);
    halve(&d8, d);
    half_lanes ab = __builtin_shufflevector(a8, b8, 0, 1, 2, 3, 8, 9, 10, 11)
                    + __builtin_shufflevector(a8, b8, 4, 5, 6, 7, 12, 13, 14, 15);
    half_lanes cd = __builtin_shufflevector(c8, d8, 0, 1, 2, 3, 8, 9, 10, 11)
                    + __builtin_shufflevector(c8, d8, 4, 5, 6, 7, 12, 13, 14, 15);
    half_lanes pairs = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13)
                       + __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    quarter_lanes result = __builtin_shufflevector(pairs, pairs, 0, 4, 2, 6)
                           + __builtin_shufflevector(pairs, pairs, 1, 5, 3, 7);
    memcpy(sums, &result, sizeof result);
}

/// chosen = the bits of `a` where the mask is set, else of `b`.
INLINE void choose(lanes *chosen, const lane_bits *mask, const lanes *a, const lanes *b)
{
    *chosen = (lanes)(((lane_bits)*a & *mask) | ((lane_bits)*b & ~*mask));
}

/// The canonical sum of one vector.
INLINE float tree_of_lanes(const lanes *a)
{
    float sums[16] __attribute__((aligned(64)));
    store(sums, a);
    return tree(sums);
}

/// Turns sixteen vectors of sixteen around, by interleaving them four times.
INLINE void turn_lanes(lanes *m)
{
    lanes a[16];
    UNROLL for (int step = 0; step < 4; step++)
    {
        UNROLL for (int i = 0; i < 8; i++)
        {
            a[2 * i] = __builtin_shufflevector(
                m[i], m[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            a[2 * i + 1] = __builtin_shufflevector(
                m[i], m[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        UNROLL for (int i = 0; i < 16; i++) m[i] = a[i];
    }
}

/// Turns eight vectors of eight around.
INLINE void transpose(half_lanes *m)
{
    half_lanes a[8], b[8];
    UNROLL for (int i = 0; i < 8; i += 2)
    {
        a[i] = __builtin_shufflevector(m[i], m[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        a[i + 1] = __builtin_shufflevector(m[i], m[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    UNROLL for (int i = 0; i < 8; i += 4)
        UNROLL for (int j = i; j < i + 2; j++)
        {
            b[j] = __builtin_shufflevector(a[j], a[j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            b[j + 2] = __builtin_shufflevector(a[j], a[j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    UNROLL for (int i = 0; i < 4; i++)
    {
        m[i] = __builtin_shufflevector(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        m[i + 4] = __builtin_shufflevector(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
