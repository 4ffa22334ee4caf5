#include "cache.h"

// Rounding keys and values into a cache, and reading them back.

typedef struct lockstep_store store_work;

/// The least f16 that is not below a number from zero up; infinity where there is none.
INLINE uint16_t half_not_below(float value)
{
    uint16_t half;
    lockstep_narrow(&value, 1, LOCKSTEP_F16, &half);
    return float_of_half(half) < value ? (uint16_t)(half + 1) : half;
}

/// The nearest integer in -127...127, ties to even.
INLINE int8_t byte_of(float value)
{
    const float shift = 0x1.8p23f;
    return (int8_t)(bits_of_float(value + shift) - bits_of_float(shift));
}

/// Up to 32 elements, written `step` elements apart; the scale is returned.
static uint16_t store_scaled(const float *from, size_t count, int8_t *to, size_t step)
{
    float greatest = 0;
    for (size_t k = 0; k < count; k++) {
        float magnitude = __builtin_fabsf(from[k]);
        // Once NaN, it stays so, and so do the scale and all that is read.
        greatest = magnitude > greatest || magnitude != magnitude ? magnitude : greatest;
    }
    uint16_t scale = half_not_below(greatest / 127.0f);
    float value = float_of_half(scale);
    for (size_t k = 0; k < count; k++)
        to[k * step] = byte_of(value > 0 && value < __builtin_inff() ? from[k] / value : 0);
    return scale;
}

/// The elements of one head at one position; those of a key lie sixteen apart.
static void store_head(const cache *c, const float *from, char *to, uint16_t *scales, size_t step)
{
    size_t size = c->head_size;
    if (c->encoding == LOCKSTEP_Q8) {
        for (size_t k = 0; k < size; k += SCALED)
            scales[k / SCALED * POSITIONS] =
                store_scaled(from + k, smaller(SCALED, size - k), (int8_t *)to + k * step, step);
    } else if (c->encoding == LOCKSTEP_F32) {
        for (size_t k = 0; k < size; k++)
            ((float *)(void *)to)[k * step] = from[k];
    } else {
        uint16_t words[LOCKSTEP_LONGEST_HEAD];
        lockstep_narrow(from, size, c->encoding, words);
        for (size_t k = 0; k < size; k++)
            ((uint16_t *)(void *)to)[k * step] = words[k];
    }
}

void lockstep_store_part(const void *work, int thread, int threads)
{
    const store_work *s = work;
    const cache *c = &s->cache;
    size_t first, last;
    part_of(s->tokens * c->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t head = i / s->tokens, token = i % s->tokens, position = s->first_position + token;
        size_t group = position / POSITIONS, place = position % POSITIONS;
        uint16_t *key_scales = scales_at(c, c->key_scales, head, group);
        uint16_t *value_scales = scales_at(c, c->value_scales, head, group);
        store_head(c, s->keys + token * s->key_stride + head * c->head_size,
            keys_of(c, head, group) + place * cached_bytes(c->encoding), key_scales ? key_scales + place : 0,
            POSITIONS);
        store_head(c, s->values + token * s->value_stride + head * c->head_size, value_of(c, head, position),
            value_scales ? value_scales + place : 0, 1);
    }
}

void lockstep_recall(const struct lockstep_cache *c, int is_key, size_t head, size_t position, float *to)
{
    size_t group = position / POSITIONS, place = position % POSITIONS, step = is_key ? POSITIONS : 1;
    const char *from = is_key ? keys_of(c, head, group) + place * cached_bytes(c->encoding)
                              : value_of(c, head, position);
    const uint16_t *scales = scales_at(c, is_key ? c->key_scales : c->value_scales, head, group);
    for (size_t k = 0; k < c->head_size; k++) {
        to[k] = cached(from, k * step, c->encoding);
        if (c->encoding == LOCKSTEP_Q8)
            to[k] *= float_of_half(scales[k / SCALED * POSITIONS + place]);
    }
}
