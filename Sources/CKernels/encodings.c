#include "lanes.h"

// Conversions between f32 and the stored encodings.

int lockstep_supports(int instruction_set)
{
#if HAS_AVX
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
                 && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (instruction_set == LOCKSTEP_AVX2)
        return avx2;
    if (instruction_set == LOCKSTEP_AVX512)
        return avx2 && avx512;
#elif HAS_NEON
    if (instruction_set == LOCKSTEP_NEON)
        return 1;
#endif
    return instruction_set == LOCKSTEP_PORTABLE;
}

int lockstep_fetching(void)
{
#if HAS_AVX
    // Measured on a Zen 4 and a Zen 5; AMD's older ones have no AVX-512. Family 19h is Zen 3, which has none either,
    // and Zen 4.
    if (__builtin_cpu_is("amd") && lockstep_supports(LOCKSTEP_AVX512))
        return __builtin_cpu_is("amdfam19h") ? LOCKSTEP_FETCH_CLOSE : LOCKSTEP_FETCH_FAR;
#endif
    return LOCKSTEP_FETCH_NEAR;
}

static void widen_portable(const void *from, size_t count, float *to, int encoding)
{
    for (size_t k = 0; k < count; k++)
        to[k] = widened(from, k, encoding);
}

#if HAS_VECTOR_TARGETS

INLINE void widen_lanes(const void *from, size_t count, float *to, const int encoding)
{
    size_t k = 0;
    for (; k + 16 <= count; k += 16) {
        lanes values;
        load_widened(&values, (const char *)from + k * bytes_per_element(encoding), encoding);
        store(to + k, &values);
    }
    for (; k < count; k++)
        to[k] = widened(from, k, encoding);
}

#define WIDEN(name, target)                                                                                            \
    target static void name(const void *from, size_t count, float *to, int encoding)                                   \
    {                                                                                                                  \
        if (encoding == LOCKSTEP_F32)                                                                                  \
            widen_lanes(from, count, to, LOCKSTEP_F32);                                                                \
        else if (encoding == LOCKSTEP_BF16)                                                                            \
            widen_lanes(from, count, to, LOCKSTEP_BF16);                                                               \
        else                                                                                                           \
            widen_lanes(from, count, to, LOCKSTEP_F16);                                                                \
    }

#if HAS_AVX
WIDEN(widen_avx2, AVX2)
WIDEN(widen_avx512, AVX512)
#else
WIDEN(widen_neon, NEON)
#endif

#endif

void lockstep_widen(int instruction_set, const void *from, int encoding, size_t count, float *to)
{
#if HAS_AVX
    if (instruction_set == LOCKSTEP_AVX512) {
        widen_avx512(from, count, to, encoding);
        return;
    }
    if (instruction_set == LOCKSTEP_AVX2) {
        widen_avx2(from, count, to, encoding);
        return;
    }
#elif HAS_NEON
    if (instruction_set == LOCKSTEP_NEON) {
        widen_neon(from, count, to, encoding);
        return;
    }
#endif
    (void)instruction_set;
    widen_portable(from, count, to, encoding);
}

/// Without branches, so that several are rounded at once.
INLINE uint16_t half_of_float(float value)
{
    const uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffff;
    // Below the smallest normal half, adding 0.5 leaves the rounded fraction in the last bits of the sum.
    const uint32_t small = bits_of_float(float_of_bits(magnitude) + 0.5f) - bits_of_float(0.5f);
    // A carry out of the fraction raises the exponent, up to infinity, as it should.
    const uint32_t normal = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
    uint32_t half = magnitude < 0x38800000 ? small : normal;
    half = magnitude >= 0x47800000 ? 0x7c00 : half;
    half = magnitude > 0x7f800000 ? 0x7e00 | (magnitude >> 13 & 0x3ff) : half;
    return (uint16_t)((bits >> 16 & 0x8000) | half);
}

void lockstep_narrow(const float *from, size_t count, int encoding, void *to)
{
    uint16_t *words = to;
    if (encoding == LOCKSTEP_F32)
        memcpy(to, from, count * sizeof(float));
    else if (encoding == LOCKSTEP_BF16)
        for (size_t k = 0; k < count; k++)
            words[k] = bfloat_of_float(from[k]);
    else
        for (size_t k = 0; k < count; k++)
            words[k] = half_of_float(from[k]);
}
