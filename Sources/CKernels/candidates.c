#include "lanes.h"
#include <math.h>

// What sampling needs of a range of logits.

INLINE float maximum_body(const float *x, size_t count)
{
    float best[16];
    for (int lane = 0; lane < 16; lane++)
        best[lane] = -INFINITY;
    size_t i = 0;
    for (; i + 16 <= count; i += 16)
        for (int lane = 0; lane < 16; lane++)
            best[lane] = x[i + (size_t)lane] > best[lane] ? x[i + (size_t)lane] : best[lane];
    for (; i < count; i++)
        best[i % 16] = x[i] > best[i % 16] ? x[i] : best[i % 16];
    for (int lane = 1; lane < 16; lane++)
        best[0] = best[lane] > best[0] ? best[lane] : best[0];
    return best[0];
}

FOR_EVERY_TARGET(float, maximum, (const float *x, size_t count), (x, count))

float lockstep_maximum(int instruction_set, const float *x, size_t count) { return maximum(instruction_set)(x, count); }

INLINE uint64_t sum_of_exponentials_body(const float *x, size_t count, float greatest)
{
    uint64_t sum = 0;
    const double shift = 0x1p52;
    uint64_t shift_bits;
    memcpy(&shift_bits, &shift, sizeof shift);
    for (size_t i = 0; i < count; i++) {
        // Adding 2^52 rounds to an integer and leaves it in the last bits.
        double shifted = (double)exponential(x[i] - greatest) * 0x1p40 + shift;
        uint64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        sum += bits - shift_bits;
    }
    return sum;
}

FOR_EVERY_TARGET(uint64_t, sum_of_exponentials, (const float *x, size_t count, float greatest), (x, count, greatest))

uint64_t lockstep_sum_of_exponentials(int instruction_set, const float *x, size_t count, float greatest)
{
    return sum_of_exponentials(instruction_set)(x, count, greatest);
}

/// Puts a candidate that is greater than the last into its place.
static size_t insert(struct lockstep_candidate *best, size_t found, size_t limit, float logit, int32_t id)
{
    size_t place = found < limit ? found++ : limit - 1;
    for (; place > 0 && logit > best[place - 1].logit; place--)
        best[place] = best[place - 1];
    best[place] = (struct lockstep_candidate){logit, id};
    return found;
}

/// The first index from i on whose element is greater than `threshold`, or the start of the last sixteen.
INLINE size_t skip_body(const float *x, size_t i, size_t count, float threshold)
{
    for (; i + 16 <= count; i += 16) {
        uint32_t greater = 0;
        for (int lane = 0; lane < 16; lane++)
            greater |= x[i + (size_t)lane] > threshold;
        if (greater)
            break;
    }
    return i;
}

FOR_EVERY_TARGET(
    size_t, skip, (const float *x, size_t i, size_t count, float threshold), (x, i, count, threshold))

size_t lockstep_top_candidates(
    int instruction_set, const float *x, size_t count, int32_t first_id, struct lockstep_candidate *best, size_t limit)
{
    size_t found = 0;
    if (limit == 0)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (found == limit && i % 16 == 0)
            i = skip(instruction_set)(x, i, count, best[limit - 1].logit);
        if (i < count && (found < limit ? x[i] == x[i] : x[i] > best[limit - 1].logit))
            found = insert(best, found, limit, x[i], first_id + (int32_t)i);
    }
    return found;
}
