#pragma once
#include "lanes.h"

// Where the elements of a cache lie.

typedef struct lockstep_cache cache;

/// Positions of a group, and elements that share a scale.
enum { POSITIONS = 16, SCALED = 32 };

INLINE size_t cached_bytes(int encoding)
{
    return encoding == LOCKSTEP_F32 ? 4 : encoding == LOCKSTEP_Q8 ? 1 : 2;
}

/// Elements of a value, with its padding.
INLINE size_t padded(size_t head_size) { return (head_size + 15) / 16 * 16; }

/// Groups of elements that share a scale.
INLINE size_t scales_of(size_t head_size) { return (head_size + SCALED - 1) / SCALED; }

/// Where a group lies among those of all heads: what comes after the last one begins again.
INLINE size_t place_of_group(const cache *c, size_t head, size_t group)
{
    size_t groups = c->positions / POSITIONS;
    return head * groups + (group < groups ? group : group % groups);
}

/// The keys of the sixteen positions of a group.
INLINE char *keys_of(const cache *c, size_t head, size_t group)
{
    return (char *)c->keys + place_of_group(c, head, group) * POSITIONS * c->head_size * cached_bytes(c->encoding);
}

INLINE char *value_of(const cache *c, size_t head, size_t position)
{
    size_t place = place_of_group(c, head, position / POSITIONS) * POSITIONS + position % POSITIONS;
    return (char *)c->values + place * padded(c->head_size) * cached_bytes(c->encoding);
}

/// The scales of the sixteen positions of a group, in `key_scales` or `value_scales`.
INLINE uint16_t *scales_at(const cache *c, uint16_t *scales, size_t head, size_t group)
{
    return scales ? scales + place_of_group(c, head, group) * POSITIONS * scales_of(c->head_size) : 0;
}

/// Element k of those at an address, without its scale.
INLINE float cached(const void *from, size_t k, int encoding)
{
    return encoding == LOCKSTEP_Q8 ? (float)((const int8_t *)from)[k] : widened(from, k, encoding);
}

/// Sixteen elements, without their scales.
INLINE void load_cached(lanes *to, const void *from, const int encoding)
{
    if (encoding == LOCKSTEP_Q8)
        *to = __builtin_convertvector(__builtin_convertvector(*(const unaligned_bytes *)from, lane_integers), lanes);
    else
        load_widened(to, from, encoding);
}
