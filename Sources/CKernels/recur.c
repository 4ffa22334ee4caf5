#include "lanes.h"
#include <math.h>

// Mixers with a state of a fixed size. A state's columns do not meet: a task takes some columns of one head through all
// tokens of a chunk, so that they stay in the nearest cache.

typedef struct lockstep_convolve convolving;
typedef struct lockstep_unit unit;
typedef struct lockstep_forget forgetting;
typedef struct lockstep_recur recurring;

/// Columns of a state that a task takes; their sums stay in registers.
enum { COLUMNS = 32 };

/// Up to sixteen channels, each in a lane.
INLINE void convolve_lanes(const convolving *c, size_t channel, const size_t count)
{
    float weights[LOCKSTEP_LONGEST_KERNEL][16] = { { 0 } }, inputs[LOCKSTEP_LONGEST_KERNEL][16] = { { 0 } };
    float bias[16] = { 0 };
    const size_t size = c->size;
    for (size_t lane = 0; lane < count; lane++) {
        for (size_t i = 0; i < size; i++) weights[i][lane] = c->weight[(channel + lane) * size + i];
        for (size_t i = 0; i + 1 < size; i++) inputs[i][lane] = c->window[i * c->channels + channel + lane];
        if (c->bias) bias[lane] = c->bias[channel + lane];
    }
    for (size_t token = 0; token < c->tokens; token++) {
        float sums[16], *x = c->x + token * c->stride + channel;
        for (size_t lane = 0; lane < count; lane++) inputs[size - 1][lane] = x[lane];
        for (size_t lane = 0; lane < 16; lane++) sums[lane] = bias[lane];
        for (size_t i = 0; i < size; i++)
            for (size_t lane = 0; lane < 16; lane++)
                sums[lane] = __builtin_fmaf(weights[i][lane], inputs[i][lane], sums[lane]);
        for (size_t lane = 0; lane < 16; lane++) sums[lane] /= 1.0f + exponential(-sums[lane]);
        for (size_t lane = 0; lane < count; lane++) x[lane] = sums[lane];
        for (size_t i = 0; i + 1 < size; i++) memcpy(inputs[i], inputs[i + 1], sizeof inputs[i]);
    }
    for (size_t i = 0; i + 1 < size; i++)
        for (size_t lane = 0; lane < count; lane++) c->window[i * c->channels + channel + lane] = inputs[i][lane];
}

INLINE void convolve_body(const convolving *c, size_t start, size_t end)
{
    for (size_t channel = start; channel < end; channel += 16) {
        if (end - channel >= 16)
            convolve_lanes(c, channel, 16);
        else
            convolve_lanes(c, channel, end - channel);
    }
}

FOR_EVERY_TARGET(void, convolve, (const convolving *c, size_t start, size_t end), (c, start, end))

void lockstep_convolve_part(const void *work, int thread, int threads)
{
    const convolving *c = work;
    size_t start, end;
    part_of(c->channels, 16, thread, threads, &start, &end);
    convolve(c->instruction_set)(c, start, end);
}

INLINE void make_unit_body(float *x, size_t size, float epsilon, float factor)
{
    float sums[16] = { 0 };
    for (size_t i = 0; i < size; i++) sums[i % 16] += x[i] * x[i];
    float scale = factor * (1.0f / sqrtf(tree(sums) + epsilon));
    for (size_t i = 0; i < size; i++) x[i] *= scale;
}

FOR_EVERY_TARGET(
    void, make_unit, (float *x, size_t size, float epsilon, float factor), (x, size, epsilon, factor))

void lockstep_unit_part(const void *work, int thread, int threads)
{
    const unit *u = work;
    size_t first, last;
    part_of(u->tokens * u->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++)
        make_unit(u->instruction_set)(u->x + i / u->heads * u->stride + i % u->heads * u->head_size, u->head_size,
            u->epsilon, u->factor);
}

/// The natural logarithm of a number from 1 to 2^100, at most 2 units in the last place off: of m 2^e, with m within a
/// root of two of 1, it is e log 2 + 2 artanh((m - 1) / (m + 1)).
INLINE float logarithm(float x)
{
    uint32_t bits = bits_of_float(x), raised = bits + (0x3f800000u - 0x3f3504f3u);
    int32_t exponent = (int32_t)(raised >> 23) - 127;
    float m = float_of_bits(bits - ((uint32_t)exponent << 23));
    float s = (m - 1.0f) / (m + 1.0f), square = s * s;
    float p = __builtin_fmaf(square, 0.15313837f, 0.18183571f);
    p = __builtin_fmaf(square, p, 0.22222198f);
    p = __builtin_fmaf(square, p, 0.28571429f);
    p = __builtin_fmaf(square, p, 0.4f);
    p = __builtin_fmaf(square, p, 0.66666667f);
    float near = __builtin_fmaf(s * square, p, 2.0f * s);
    return __builtin_fmaf((float)exponent, 0x1.62e42fefa39efp-1f, near);
}

/// log(1 + exp(x)); above 20 that is x.
INLINE float softplus(float x)
{
    if (x > 20.0f) return x;
    float e = exponential(x), one = 1.0f + e;
    // What 1 + e rounds off is made good.
    return one == 1.0f ? e : logarithm(one) * (e / (one - 1.0f));
}

void lockstep_forget_part(const void *work, int thread, int threads)
{
    const forgetting *f = work;
    size_t first, last;
    part_of(f->tokens * f->heads, 1, thread, threads, &first, &last);
    for (size_t i = first; i < last; i++) {
        size_t head = i % f->heads, place = i / f->heads * f->stride + head;
        float step = softplus(f->x[place] + f->bias[head]);
        if (f->steps) f->steps[place] = step;
        f->x[place] = exponential(-exponential(f->log[head]) * step);
    }
}

/// One token's change of some columns of a state, and what is read of them.
INLINE void step(
    const recurring *r, const float *q, const float *k, const float *v, float *o, float decay, float rate, float *state,
    const size_t columns)
{
    float change[COLUMNS], sums[COLUMNS];
    for (size_t j = 0; j < columns; j++) sums[j] = 0;
    if (r->has_delta_rule)
        for (size_t i = 0; i < r->state_size; i++) {
            const float *row = state + i * r->head_size;
            for (size_t j = 0; j < columns; j++) sums[j] = __builtin_fmaf(k[i], row[j], sums[j]);
        }
    for (size_t j = 0; j < columns; j++) change[j] = rate * (v[j] - decay * sums[j]);
    for (size_t j = 0; j < columns; j++) sums[j] = 0;
    for (size_t i = 0; i < r->state_size; i++) {
        float *row = state + i * r->head_size;
        for (size_t j = 0; j < columns; j++) {
            row[j] = __builtin_fmaf(k[i], change[j], decay * row[j]);
            sums[j] = __builtin_fmaf(q[i], row[j], sums[j]);
        }
    }
    for (size_t j = 0; j < columns; j++) o[j] = sums[j];
}

INLINE void recur_body(const recurring *r, size_t head, size_t column)
{
    size_t covered = (size_t)r->covered[head] * r->state_size, place = head * r->head_size + column;
    size_t columns = smaller(COLUMNS, r->head_size - column);
    float *state = r->states + head * r->state_size * r->head_size + column;
    for (size_t token = 0; token < r->tokens; token++) {
        const float *q = r->q + token * r->covered_stride + covered, *k = r->k + token * r->covered_stride + covered;
        const float *v = r->v + token * r->stride + place;
        float decay = r->decays[token * r->rates_stride + head], rate = r->steps[token * r->rates_stride + head];
        float *o = r->o + token * r->stride + place;
        if (columns == COLUMNS)
            step(r, q, k, v, o, decay, rate, state, COLUMNS);
        else
            step(r, q, k, v, o, decay, rate, state, columns);
        if (r->skip)
            for (size_t j = 0; j < columns; j++) o[j] = __builtin_fmaf(r->skip[head], v[j], o[j]);
    }
}

FOR_EVERY_TARGET(void, recur, (const recurring *r, size_t head, size_t column), (r, head, column))

void lockstep_recur_part(const void *work, int thread, int threads)
{
    const recurring *r = work;
    size_t across = (r->head_size + COLUMNS - 1) / COLUMNS, first, last;
    part_of(r->heads * across, 1, thread, threads, &first, &last);
    for (size_t task = first; task < last; task++)
        recur(r->instruction_set)(r, task / across, task % across * COLUMNS);
}
