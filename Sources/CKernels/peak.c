#include "rounded_amx.h"

#if HAS_AVX
#include <immintrin.h>
#elif HAS_NEON
#include "neon.h"
#endif

// Arithmetic that touches registers only: the measure of what a product of many tokens can reach.

// So many independent sums hide the time that one instruction takes: some Arm processors begin four at once.
enum { CHAINS = HAS_NEON ? 20 : 12 };

typedef size_t (*peak_body)(size_t rounds, uint64_t *digest);

/// Defines `name`, which runs `rounds` times CHAINS instructions and returns how many operations a round has.
#define PEAK(name, target, vector, operations, first, step)                                                            \
    target static size_t name(size_t rounds, uint64_t *digest)                                                         \
    {                                                                                                                  \
        vector sums[CHAINS], a = first(rounds), b = first(rounds + 1);                                                 \
        UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = first(rounds + (size_t)i);                                   \
        for (size_t round = 0; round < rounds; round++)                                                                \
            UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = step(sums[i], a, b);                                     \
        memset(digest, 0, 64);                                                                                         \
        UNROLL for (int i = 0; i < CHAINS; i++)                                                                        \
        {                                                                                                              \
            uint64_t word;                                                                                             \
            memcpy(&word, &sums[i], sizeof word);                                                                      \
            digest[i % 8] ^= word;                                                                                     \
        }                                                                                                              \
        return (size_t)CHAINS * (operations);                                                                          \
    }

// Sums of products with factors below a half stay where floating-point numbers are normal.
#define SMALL(n) (0.25f + (float)((n) % 7) * 0x1p-5f)

typedef float four __attribute__((vector_size(16)));
#define FOUR(n) ((four){SMALL(n), SMALL(n), SMALL(n), SMALL(n)})
#if HAS_NEON
// The sum is what the instruction adds to.
#define FOUR_STEP(sum, a, b) __builtin_elementwise_fma(a, b, sum)
#else
#define FOUR_STEP(sum, a, b) ((sum) * (a) + (b))
#endif
PEAK(f32_portable, , four, 8, FOUR, FOUR_STEP)

#if HAS_AVX

#define EIGHT(n) _mm256_set1_ps(SMALL(n))
#define EIGHT_STEP(sum, a, b) _mm256_fmadd_ps(sum, a, b)
PEAK(f32_avx2, AVX2, __m256, 16, EIGHT, EIGHT_STEP)

#define SIXTEEN(n) _mm512_set1_ps(SMALL(n))
#define SIXTEEN_STEP(sum, a, b) _mm512_fmadd_ps(sum, a, b)
PEAK(f32_avx512, AVX512, __m512, 32, SIXTEEN, SIXTEEN_STEP)

#define BF16_STEP(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
PEAK(bf16_avx512, __attribute__((target("avx512f,avx512bf16"))), __m512, 64, SIXTEEN, BF16_STEP)

#define BYTES(n) _mm256_set1_epi8((char)((n) % 7 + 1))
#define ADD_STEP(sum, a, b)                                                                                            \
    _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, sum), b))
PEAK(int8_avx2, AVX2, __m256i, 64, BYTES, ADD_STEP)

#define DOT_STEP(sum, a, b) _mm256_dpbusd_avx_epi32(sum, a, b)
PEAK(int8_avxvnni, __attribute__((target("avx2,avxvnni"))), __m256i, 64, BYTES, DOT_STEP)

#define WIDE_BYTES(n) _mm512_set1_epi8((char)((n) % 7 + 1))
#define WIDE_DOT_STEP(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
PEAK(int8_avx512, __attribute__((target("avx512f,avx512bw,avx512vnni"))), __m512i, 128, WIDE_BYTES, WIDE_DOT_STEP)

#if HAS_AMX
__attribute__((target("amx-tile,amx-bf16"))) static size_t bf16_amx(size_t rounds, uint64_t *digest)
{
    float factors[16][16], sums[16][16];
    tile_shapes shapes = {.palette = 1};
    for (int i = 0; i < 256; i++)
        factors[i / 16][i % 16] = SMALL(rounds + (size_t)i);
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = 16;
    }
    _tile_loadconfig(&shapes);
    _tile_loadd(6, factors, 64);
    _tile_loadd(7, factors, 64);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (size_t round = 0; round < rounds; round++) {
        _tile_dpbf16ps(0, 6, 7);
        _tile_dpbf16ps(1, 6, 7);
        _tile_dpbf16ps(2, 6, 7);
        _tile_dpbf16ps(3, 6, 7);
        _tile_dpbf16ps(4, 6, 7);
        _tile_dpbf16ps(5, 6, 7);
    }
    _tile_stored(0, sums, 64);
    _tile_release();
    memcpy(digest, sums, 64);
    // Sixteen tokens by sixteen rows by 32 columns each.
    return (size_t)6 * 2 * 16 * 16 * 32;
}
#endif

#elif HAS_NEON

#define BYTES(n) vreinterpretq_s32_s8(vdupq_n_s8((int8_t)((n) % 7 + 1)))
#define DOT_STEP(sum, a, b) vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
PEAK(int8_neon, __attribute__((target("dotprod"))), int32x4_t, 32, BYTES, DOT_STEP)

#define BF16_STEP(sum, a, b) vbfdotq_f32(sum, vreinterpretq_bf16_f32(a), vreinterpretq_bf16_f32(b))
PEAK(bf16_neon, __attribute__((target("bf16"))), float32x4_t, 16, FOUR, BF16_STEP)

#endif

/// The fastest form that the processor has and products use; null where there is none.
static peak_body peak_form(int instruction_set, int kind)
{
#if HAS_AVX
#if HAS_AMX
    if (kind == LOCKSTEP_PEAK_AMX)
        return bf16_amx;
#endif
    if (instruction_set == LOCKSTEP_AVX512) {
        if (kind == LOCKSTEP_PEAK_BF16)
            return __builtin_cpu_supports("avx512bf16") ? bf16_avx512 : 0;
        if (kind == LOCKSTEP_PEAK_INT8 && __builtin_cpu_supports("avx512vnni"))
            return int8_avx512;
    }
    if (kind == LOCKSTEP_PEAK_INT8 && instruction_set != LOCKSTEP_PORTABLE)
        return __builtin_cpu_supports("avxvnni") ? int8_avxvnni : int8_avx2;
    if (kind == LOCKSTEP_PEAK_F32 && instruction_set != LOCKSTEP_PORTABLE)
        return instruction_set == LOCKSTEP_AVX512 ? f32_avx512 : f32_avx2;
#elif HAS_NEON
    if (kind == LOCKSTEP_PEAK_INT8 && instruction_set == LOCKSTEP_NEON)
        return has_integer_dot_products() ? int8_neon : 0;
    if (kind == LOCKSTEP_PEAK_BF16 && instruction_set == LOCKSTEP_NEON)
        return has_bfloat_dot_products() ? bf16_neon : 0;
#endif
    (void)instruction_set;
    return kind == LOCKSTEP_PEAK_F32 ? f32_portable : 0;
}

size_t lockstep_peak_operations(int instruction_set, int kind)
{
    uint64_t digest[8];
    peak_body body = peak_form(instruction_set, kind);
    return body ? body(0, digest) : 0;
}

void lockstep_peak_part(const void *work, int thread, int threads)
{
    const struct lockstep_peak *p = work;
    peak_body body = peak_form(p->instruction_set, p->kind);
    (void)threads;
    if (body)
        body(p->rounds, p->digests + (size_t)thread * 8);
}
