#include "lanes.h"
#include <math.h>

// A norm over more channels than one rank has: sums of squares of heads, which ranks bring together, and what they
// make of each rank's channels.

typedef struct lockstep_squares squares;
typedef struct lockstep_scale_by_squares scaling;

INLINE float sum_body(const float *x, size_t count) { return sum_of_squares(x, count); }

FOR_EVERY_TARGET(float, sum, (const float *x, size_t count), (x, count))

void lockstep_squares_part(const void *work, int thread, int threads)
{
    const squares *s = work;
    size_t first, last;
    part_of(s->tokens * s->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t token = i / s->heads, head = i % s->heads;
        s->sums[token * s->sums_stride + head] =
            sum(s->instruction_set)(s->x + token * s->stride + head * s->head_size, s->head_size);
    }
}

INLINE void scale_body(float *x, const float *weight, float factor, size_t count)
{
    for (size_t i = 0; i < count; i++) x[i] = x[i] * factor * weight[i];
}

FOR_EVERY_TARGET(
    void, scale, (float *x, const float *weight, float factor, size_t count), (x, weight, factor, count))

void lockstep_scale_by_squares_part(const void *work, int thread, int threads)
{
    const scaling *s = work;
    size_t first, last, count = s->group_size * s->head_size;
    part_of(s->tokens * s->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t token = i / s->heads, head = i % s->heads;
        const float *sums = s->sums + token * s->sums_stride + (s->first_head + head) / s->group_size * s->group_size;
        float total = 0;
        for (size_t other = 0; other < s->group_size; other++) total += sums[other];
        scale(s->instruction_set)(s->x + token * s->stride + head * s->head_size, s->weight + head * s->head_size,
            1.0f / sqrtf(total / (float)count + s->epsilon), s->head_size);
    }
}
