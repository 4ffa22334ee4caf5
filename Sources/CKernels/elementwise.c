#include "lanes.h"

// Operations on single elements: the reference compiled for each instruction set is the fast form. Sixteen results are
// made before one is written, so that the output may be an input and the loop still becomes vector code.

typedef struct lockstep_elementwise elementwise;

#define IN_SIXTEENS(count, y, i, expression)                                                                           \
    do {                                                                                                               \
        size_t base = 0;                                                                                               \
        for (; base + 16 <= (count); base += 16) {                                                                     \
            float results[16];                                                                                         \
            for (size_t lane = 0; lane < 16; lane++)                                                        \
            {                                                                                                          \
                size_t i = base + lane;                                                                                \
                results[lane] = expression;                                                                            \
            }                                                                                                          \
            memcpy((y) + base, results, sizeof results);                                                               \
        }                                                                                                              \
        for (size_t i = base; i < (count); i++)                                                                        \
            (y)[i] = expression;                                                                                       \
    } while (0)

INLINE float silu(float x) { return x / (1.0f + exponential(-x)); }

INLINE void silu_multiply_body(const float *a, const float *b, float *y, size_t count)
{
    IN_SIXTEENS(count, y, i, silu(a[i]) * b[i]);
}

FOR_EVERY_TARGET(void, silu_multiply, (const float *a, const float *b, float *y, size_t count), (a, b, y, count))

INLINE void add_body(const float *a, const float *b, float *y, size_t count)
{
    IN_SIXTEENS(count, y, i, a[i] + b[i]);
}

FOR_EVERY_TARGET(void, add, (const float *a, const float *b, float *y, size_t count), (a, b, y, count))

INLINE void exp_body(const float *x, size_t count, float *y)
{
    IN_SIXTEENS(count, y, i, exponential(x[i]));
}

FOR_EVERY_TARGET(void, exp, (const float *x, size_t count, float *y), (x, count, y))

/// A thread's part: whole rows when there are many, else a range of columns.
static void for_part(
    const elementwise *e, int thread, int threads, void (*operation)(const float *, const float *, float *, size_t))
{
    size_t first = 0, last = e->rows, start = 0, end = e->columns;
    if (e->rows >= 4 * (size_t)threads)
        part_of(e->rows, 1, thread, threads, &first, &last);
    else
        part_of(e->columns, 64, thread, threads, &start, &end);
    for (size_t row = first; row < last; row++)
        operation(e->a + row * e->a_stride + start, e->b + row * e->b_stride + start,
            e->y + row * e->y_stride + start, end - start);
}

void lockstep_silu_multiply_part(const void *work, int thread, int threads)
{
    const elementwise *e = work;
    for_part(e, thread, threads, silu_multiply(e->instruction_set));
}

void lockstep_add_part(const void *work, int thread, int threads)
{
    const elementwise *e = work;
    for_part(e, thread, threads, add(e->instruction_set));
}

void lockstep_exp(int instruction_set, const float *x, size_t count, float *y)
{
    exp(instruction_set)(x, count, y);
}
