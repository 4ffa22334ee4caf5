#include "lanes.h"
#include <math.h>

// Mixers with a state of a fixed size. A state's columns do not meet: a task takes some columns of one head through all
// tokens of a chunk, so that they stay in the nearest cache.

typedef struct lockstep_convolve convolving;
typedef struct lockstep_unit unit;
typedef struct lockstep_forget forgetting;
typedef struct lockstep_recur recurring;

/// Columns of a state that a task takes; their sums stay in registers.
enum { COLUMNS = 64 };

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
    float scale = factor * (1.0f / sqrtf(sum_of_squares(x, size) + epsilon));
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

/// The inputs and outputs of a token for some columns of a head.
struct place {
    const float *q, *k, *v;
    float *o, decay, rate;
};

static struct place place_of(const recurring *r, size_t token, size_t head, size_t column)
{
    size_t covered = token * r->covered_stride + (size_t)r->covered[head] * r->state_size;
    size_t own = token * r->stride + head * r->head_size + column, rates = token * r->rates_stride + head;
    return (struct place){r->q + covered, r->k + covered, r->v + own, r->o + own, r->decays[rates], r->steps[rates]};
}

/// One token's change of some columns of a state, and what is read of them.
static void step(const recurring *r, const struct place *p, float *state, size_t columns)
{
    float change[COLUMNS], sums[COLUMNS] = { 0 };
    if (r->has_delta_rule)
        for (size_t i = 0; i < r->state_size; i++) {
            const float *row = state + i * r->head_size;
            for (size_t j = 0; j < columns; j++) sums[j] = __builtin_fmaf(p->k[i], row[j], sums[j]);
        }
    for (size_t j = 0; j < columns; j++) {
        change[j] = p->rate * (p->v[j] - p->decay * sums[j]);
        sums[j] = 0;
    }
    for (size_t i = 0; i < r->state_size; i++) {
        float *row = state + i * r->head_size;
        for (size_t j = 0; j < columns; j++) {
            row[j] = __builtin_fmaf(p->k[i], change[j], p->decay * row[j]);
            sums[j] = __builtin_fmaf(p->q[i], row[j], sums[j]);
        }
    }
    for (size_t j = 0; j < columns; j++) p->o[j] = sums[j];
}

static void skip(const recurring *r, const struct place *p, size_t head, size_t columns)
{
    if (r->skip)
        for (size_t j = 0; j < columns; j++) p->o[j] = __builtin_fmaf(r->skip[head], p->v[j], p->o[j]);
}

static void recur_portable(const recurring *r, size_t head, size_t column, size_t columns)
{
    float *state = r->states + head * r->state_size * r->head_size + column;
    for (size_t token = 0; token < r->tokens; token++) {
        struct place p = place_of(r, token, head, column);
        step(r, &p, state, columns);
        skip(r, &p, head, columns);
    }
}

#if HAS_VECTOR_TARGETS

/// The same for `width` x 16 columns, whose sums stay in registers.
INLINE void step_lanes(const recurring *r, const struct place *p, float *state, const int width)
{
    lanes sums[COLUMNS / 16], changes[COLUMNS / 16], row, factor, weight, decay, rate;
    fill(&decay, p->decay);
    fill(&rate, p->rate);
    UNROLL for (int g = 0; g < width; g++) fill(&sums[g], 0);
    if (r->has_delta_rule)
        for (size_t i = 0; i < r->state_size; i++) {
            fill(&factor, p->k[i]);
            UNROLL for (int g = 0; g < width; g++)
            {
                load(&row, state + i * r->head_size + 16 * (size_t)g);
                accumulate(&sums[g], &factor, &row);
            }
        }
    UNROLL for (int g = 0; g < width; g++)
    {
        load(&row, p->v + 16 * g);
        changes[g] = rate * (row - decay * sums[g]);
        fill(&sums[g], 0);
    }
    for (size_t i = 0; i < r->state_size; i++) {
        fill(&factor, p->k[i]);
        fill(&weight, p->q[i]);
        UNROLL for (int g = 0; g < width; g++)
        {
            float *place = state + i * r->head_size + 16 * (size_t)g;
            load(&row, place);
            row = decay * row;
            accumulate(&row, &factor, &changes[g]);
            store(place, &row);
            accumulate(&sums[g], &weight, &row);
        }
    }
    UNROLL for (int g = 0; g < width; g++) store(p->o + 16 * g, &sums[g]);
}

INLINE void recur_body(const recurring *r, size_t head, size_t column, size_t columns, const int width)
{
    float *state = r->states + head * r->state_size * r->head_size + column;
    for (size_t token = 0; token < r->tokens; token++) {
        struct place p = place_of(r, token, head, column);
        step_lanes(r, &p, state, width);
        skip(r, &p, head, columns);
    }
}

#define RECUR(set, target)                                                                                             \
    target static void recur_##set(const recurring *r, size_t head, size_t column, size_t columns)                     \
    {                                                                                                                  \
        switch (columns) {                                                                                             \
        case 64: recur_body(r, head, column, columns, 4); break;                                                       \
        case 48: recur_body(r, head, column, columns, 3); break;                                                       \
        case 32: recur_body(r, head, column, columns, 2); break;                                                       \
        case 16: recur_body(r, head, column, columns, 1); break;                                                       \
        default: recur_portable(r, head, column, columns);                                                             \
        }                                                                                                              \
    }

#if HAS_AVX
RECUR(avx2, AVX2)
RECUR(avx512, AVX512)
#else
RECUR(neon, NEON)
#endif

#endif

/// Takes some columns of a head through all tokens.
static void recur(const recurring *r, size_t head, size_t column, size_t columns)
{
#if HAS_AVX
    if (r->instruction_set == LOCKSTEP_AVX512) return recur_avx512(r, head, column, columns);
    if (r->instruction_set == LOCKSTEP_AVX2) return recur_avx2(r, head, column, columns);
#elif HAS_NEON
    if (r->instruction_set == LOCKSTEP_NEON) return recur_neon(r, head, column, columns);
#endif
    recur_portable(r, head, column, columns);
}

void lockstep_recur_part(const void *work, int thread, int threads)
{
    const recurring *r = work;
    size_t across = (r->head_size + COLUMNS - 1) / COLUMNS, first, last;
    part_of(r->heads * across, 1, thread, threads, &first, &last);
    for (size_t task = first; task < last; task++) {
        size_t column = task % across * COLUMNS;
        recur(r, task / across, column, smaller(COLUMNS, r->head_size - column));
    }
}
