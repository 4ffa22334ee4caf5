#include "lanes.h"
#include <math.h>

// Which experts a token chooses, and rows that go to an expert and come back.

typedef struct lockstep_choose choosing;
typedef struct lockstep_rows moving;

/// As `Router.largestGroupCount`.
enum { LARGEST_GROUP_COUNT = 1024 };

/// The highest of `count` values that is not taken, of equal ones the first; `count` where all are NaN or taken.
static size_t highest(const float *values, const float *correction, size_t first, size_t count, const int32_t *taken,
    size_t taken_count)
{
    size_t best = first + count;
    float greatest = 0;
    for (size_t i = first; i < first + count; i++) {
        float value = correction ? values[i] + correction[i] : values[i];
        int is_taken = 0;
        for (size_t t = 0; t < taken_count; t++) is_taken |= taken[t] == (int32_t)i;
        if (!is_taken && (best == first + count ? value == value : value > greatest)) {
            best = i;
            greatest = value;
        }
    }
    return best;
}

/// The sum of the highest values of a group.
static float value_of_group(const choosing *c, const float *scores, size_t group)
{
    size_t size = c->experts / c->groups;
    int32_t taken[2];
    float sum = 0;
    for (size_t t = 0; t < smaller(c->group_scores, size); t++) {
        size_t best = highest(scores, c->correction, group * size, size, taken, t);
        if (best == (group + 1) * size) break;
        taken[t] = (int32_t)best;
        sum += c->correction ? scores[best] + c->correction[best] : scores[best];
    }
    return sum;
}

/// Whether a group is one of those that are chosen: fewer than `chosen_groups` are before it.
static int is_group_chosen(const choosing *c, const float *values, size_t group)
{
    size_t before = 0;
    for (size_t other = 0; other < c->groups; other++)
        before += other < group ? values[other] >= values[group] : values[other] > values[group];
    return before < c->chosen_groups;
}

/// Makes the scores of the experts of all groups but the chosen ones no numbers.
static void leave_out_groups(const choosing *c, float *scores)
{
    float values[LARGEST_GROUP_COUNT];
    size_t size = c->experts / c->groups;
    for (size_t group = 0; group < c->groups; group++) values[group] = value_of_group(c, scores, group);
    for (size_t group = 0; group < c->groups; group++)
        if (!is_group_chosen(c, values, group))
            for (size_t i = group * size; i < (group + 1) * size; i++) scores[i] = NAN;
}

static void score(const choosing *c, float *x)
{
    if (c->scoring == LOCKSTEP_SIGMOID) {
        for (size_t i = 0; i < c->experts; i++) x[i] = 1.0f / (1.0f + exponential(-x[i]));
    } else if (c->scoring == LOCKSTEP_SOFTMAX) {
        float greatest = x[0], sum = 0;
        for (size_t i = 1; i < c->experts; i++) greatest = x[i] > greatest ? x[i] : greatest;
        for (size_t i = 0; i < c->experts; i++) x[i] = exponential(x[i] - greatest);
        for (size_t i = 0; i < c->experts; i++) sum += x[i];
        for (size_t i = 0; i < c->experts; i++) x[i] /= sum;
    }
}

static void choose_of_token(const choosing *c, float *scores, int32_t *choices, float *factors)
{
    score(c, scores);
    if (c->groups > c->chosen_groups) leave_out_groups(c, scores);
    for (size_t t = 0; t < c->chosen; t++) {
        size_t best = highest(scores, c->correction, 0, c->experts, choices, t);
        // Logits that are no numbers give no choice: the first ones that are left, whose output is no number either.
        for (size_t i = 0; best == c->experts; i++) {
            int is_taken = 0;
            for (size_t other = 0; other < t; other++) is_taken |= choices[other] == (int32_t)i;
            if (!is_taken) best = i;
        }
        choices[t] = (int32_t)best;
        factors[t] = scores[choices[t]];
    }
    float sum = 0;
    if (c->scoring == LOCKSTEP_SOFTMAX_OF_CHOSEN) {
        float greatest = factors[0];
        for (size_t t = 0; t < c->chosen; t++) factors[t] = exponential(factors[t] - greatest);
    }
    for (size_t t = 0; t < c->chosen; t++) sum += factors[t];
    if (c->scoring == LOCKSTEP_SIGMOID) sum += 1e-20f;
    int is_divided = c->is_normalized || c->scoring == LOCKSTEP_SOFTMAX_OF_CHOSEN;
    for (size_t t = 0; t < c->chosen; t++) factors[t] = (is_divided ? factors[t] / sum : factors[t]) * c->factor;
}

void lockstep_choose_part(const void *work, int thread, int threads)
{
    const choosing *c = work;
    size_t first, last;
    part_of(c->tokens, 1, thread, threads, &first, &last);
    for (size_t token = first; token < last; token++)
        choose_of_token(
            c, c->logits + token * c->stride, c->choices + token * c->chosen, c->factors + token * c->chosen);
}

/// A thread's part of some rows: whole ones where there are many, else a range of columns.
static void part_of_rows(
    const moving *r, int thread, int threads, size_t *first, size_t *last, size_t *start, size_t *end)
{
    *first = 0, *last = r->count, *start = 0, *end = r->columns;
    if (r->count >= 4 * (size_t)threads)
        part_of(r->count, 1, thread, threads, first, last);
    else
        part_of(r->columns, 64, thread, threads, start, end);
}

void lockstep_take_rows_part(const void *work, int thread, int threads)
{
    const moving *r = work;
    size_t first, last, start, end;
    part_of_rows(r, thread, threads, &first, &last, &start, &end);
    for (size_t row = first; row < last; row++)
        memcpy(r->y + row * r->y_stride + start, r->x + (size_t)r->tokens[row] * r->x_stride + start,
            (end - start) * sizeof(float));
}

INLINE void add_row_body(const float *x, float factor, float *y, size_t count)
{
    for (size_t i = 0; i < count; i++) y[i] += factor * x[i];
}

FOR_EVERY_TARGET(void, add_row, (const float *x, float factor, float *y, size_t count), (x, factor, y, count))

void lockstep_add_rows_part(const void *work, int thread, int threads)
{
    const moving *r = work;
    size_t first, last, start, end;
    part_of_rows(r, thread, threads, &first, &last, &start, &end);
    for (size_t row = first; row < last; row++)
        add_row(r->instruction_set)(r->x + row * r->x_stride + start, r->factors[row],
            r->y + (size_t)r->tokens[row] * r->y_stride + start, end - start);
}

void lockstep_scale_rows_part(const void *work, int thread, int threads)
{
    const moving *r = work;
    size_t first, last, start, end;
    part_of_rows(r, thread, threads, &first, &last, &start, &end);
    for (size_t row = first; row < last; row++)
        for (size_t i = start; i < end; i++) r->y[row * r->y_stride + i] *= r->factors[row];
}
