#include "lanes.h"
#include <math.h>

// Root-mean-square norm, and the one that is centered first. The sum of squares is a dot product in the canonical
// order.

typedef struct lockstep_normalize normalize;

INLINE float inverse_root_mean(float sum, size_t size, float epsilon)
{
    return 1.0f / sqrtf(sum / (float)size + epsilon);
}

static void piece_portable(const normalize *n, const float *x, float *y)
{
    float sums[16] = {0};
    for (size_t k = 0; k < n->size; k += 16)
        for (size_t lane = 0; lane < 16; lane++) {
            float value = k + lane < n->size ? x[k + lane] : 0;
            sums[lane] = __builtin_fmaf(value, value, sums[lane]);
        }
    float inverse = inverse_root_mean(tree(sums), n->size, n->epsilon);
    for (size_t k = 0; k < n->size; k++)
        y[k] = x[k] * inverse * n->weight[k];
}

#if HAS_VECTOR_TARGETS

INLINE void piece_body(const normalize *n, const float *x, float *y)
{
    lanes sum, value, weight, scale;
    fill(&sum, 0);
    size_t k = 0;
    for (; k + 16 <= n->size; k += 16) {
        load(&value, x + k);
        accumulate(&sum, &value, &value);
    }
    if (k < n->size) {
        load_first(&value, x + k, n->size - k);
        accumulate(&sum, &value, &value);
    }
    float inverse = inverse_root_mean(tree_of_lanes(&sum), n->size, n->epsilon);
    fill(&scale, inverse);
    for (k = 0; k + 16 <= n->size; k += 16) {
        load(&value, x + k);
        load(&weight, n->weight + k);
        value = value * scale * weight;
        store(y + k, &value);
    }
    for (; k < n->size; k++)
        y[k] = x[k] * inverse * n->weight[k];
}

#if HAS_AVX
AVX2 static void piece_avx2(const normalize *n, const float *x, float *y) { piece_body(n, x, y); }
AVX512 static void piece_avx512(const normalize *n, const float *x, float *y) { piece_body(n, x, y); }
#else
NEON static void piece_neon(const normalize *n, const float *x, float *y) { piece_body(n, x, y); }
#endif

#endif

static void piece(const normalize *n, const float *x, float *y)
{
#if HAS_AVX
    if (n->instruction_set == LOCKSTEP_AVX512) {
        piece_avx512(n, x, y);
        return;
    }
    if (n->instruction_set == LOCKSTEP_AVX2) {
        piece_avx2(n, x, y);
        return;
    }
#elif HAS_NEON
    if (n->instruction_set == LOCKSTEP_NEON) {
        piece_neon(n, x, y);
        return;
    }
#endif
    piece_portable(n, x, y);
}

INLINE void center_body(const float *x, float *y, size_t size)
{
    float sums[16] = {0}, mean;
    for (size_t k = 0; k < size; k++)
        sums[k % 16] += x[k];
    mean = tree(sums) / (float)size;
    for (size_t k = 0; k < size; k++)
        y[k] = x[k] - mean;
}

FOR_EVERY_TARGET(void, center, (const float *x, float *y, size_t size), (x, y, size))

INLINE void shift_body(const float *bias, float *y, size_t size)
{
    for (size_t k = 0; k < size; k++)
        y[k] += bias[k];
}

FOR_EVERY_TARGET(void, shift, (const float *bias, float *y, size_t size), (bias, y, size))

void lockstep_normalize_part(const void *work, int thread, int threads)
{
    const normalize *n = work;
    size_t first, last;
    part_of(n->tokens * n->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t token = i / n->heads, start = i % n->heads * n->size;
        const float *x = n->x + token * n->x_stride + start;
        float *y = n->y + token * n->y_stride + start;
        if (n->is_centered)
            center(n->instruction_set)(x, y, n->size);
        piece(n, n->is_centered ? y : x, y);
        if (n->bias)
            shift(n->instruction_set)(n->bias, y, n->size);
    }
}
