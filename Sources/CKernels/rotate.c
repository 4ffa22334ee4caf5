#include "lanes.h"

// Rotary position embedding, half-split pairs. No sum crosses elements, so the reference compiled for each instruction
// set is the fast form.

typedef struct lockstep_rotate rotate;

INLINE void head_body(float *restrict a, float *restrict b, const float *restrict table, size_t pairs)
{
    for (size_t i = 0; i < pairs; i++) {
        float cosine = table[i], sine = table[pairs + i], first = a[i], second = b[i];
        a[i] = __builtin_fmaf(first, cosine, -(second * sine));
        b[i] = __builtin_fmaf(second, cosine, first * sine);
    }
}

FOR_EVERY_TARGET(void, head, (float *a, float *b, const float *table, size_t pairs), (a, b, table, pairs))

void lockstep_rotate_part(const void *work, int thread, int threads)
{
    const rotate *r = work;
    size_t first, last, pairs = r->rotary_size / 2;
    part_of(r->tokens * r->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t token = i / r->heads;
        float *start = r->x + token * r->stride + i % r->heads * r->head_size;
        const float *table = r->table + (r->first_position + token) * r->rotary_size;
        head(r->instruction_set)(start, start + pairs, table, pairs);
    }
}
