#pragma once
#include "lanes.h"

// Trials of a scale, and an offset, for sixteen groups of numbers: what squared error they leave.
//
// A lane is a group of its own: no sum crosses lanes, and no group's result depends on its neighbours. No operation is
// fused, so that the bits are the same with and without fused multiply-add.

#define LONGEST_GROUP 128

/// Sixteen groups, each divided by a power of two, so that squares neither overflow nor vanish.
struct groups {
    lanes x[LONGEST_GROUP];
    size_t count;
    lanes power; // what x was divided by
    lanes lowest, highest;
};

/// How groups are stored.
struct form {
    int scale;                // LOCKSTEP_SCALE_F16 or LOCKSTEP_SCALE_BF16
    float low, high;          // the least and the greatest integer, less the zero
    float narrowest, widest;  // the ranges to search, in integers: from zero, or the lowest element, to the farthest
    int stride;               // one of so many stored scales is tried
    float step;               // with offsets, from one range to the next, in integers
    int phases;               // and offsets tried for each integer by which the range may be moved
};

/// The best pair so far, as words of 16 bits.
struct choice {
    lane_bits scale, offset;
    lanes error;
};

/// The best of the pairs that were tried, and of those that suit the integers of a trial best. The errors of the latter
/// are estimates: where they are far below that of their trial, rounding is all that is left of them.
struct search {
    struct choice tried, fitted;
};

/// To the nearest integer from `low` to `high`, ties to even.
INLINE void round_between(lanes *x, const lanes *low, const lanes *high)
{
    lane_bits beyond = (lane_bits)(*x < *low);
    choose(x, &beyond, low, x);
    beyond = (lane_bits)(*x > *high);
    choose(x, &beyond, high, x);
    *x = (*x + 0x1.8p23f) - 0x1.8p23f;
}

/// 1 / x, and 0 for 0.
INLINE void invert(lanes *inverse, const lanes *x)
{
    lanes one;
    fill(&one, 1);
    lane_bits is_zero = (lane_bits)(*x == 0);
    choose(inverse, &is_zero, &one, x);
    *inverse = (lanes)((lane_bits)(one / *inverse) & ~is_zero);
}

/// What stored words stand for, divided by the groups' power of two.
INLINE void value_of_words(lanes *value, const lane_bits *words, const lanes *power, int scale)
{
    // The fraction and exponent of a half, taken for those of a float, are too small by a power of two.
    lanes magnitude = (lanes)((*words & 0x7fff) << (scale == LOCKSTEP_SCALE_F16 ? 13 : 16));
    if (scale == LOCKSTEP_SCALE_F16)
        magnitude *= 0x1p112f;
    *value = (lanes)((lane_bits)magnitude | (*words & 0x8000) << 16) / *power;
}

/// The greatest finite half, or the greatest bf16 below 2^100, which products can still multiply.
INLINE uint32_t greatest_word(int scale) { return scale == LOCKSTEP_SCALE_F16 ? 0x7bff : 0x717f; }

/// The nearest words of a value; the greatest where it is too large.
INLINE void words_of_value(lane_bits *words, const lanes *value, const lanes *power, int scale)
{
    const int shift = scale == LOCKSTEP_SCALE_F16 ? 13 : 16;
    const uint32_t greatest = greatest_word(scale);
    lanes whole = *value * *power;
    lane_bits sign = (lane_bits)whole >> 16 & 0x8000;
    lanes magnitude = (lanes)((lane_bits)whole & 0x7fffffff);
    if (scale == LOCKSTEP_SCALE_F16)
        magnitude *= 0x1p-112f;
    lane_bits bits = (lane_bits)magnitude;
    bits = (bits + ((1u << (shift - 1)) - 1) + (bits >> shift & 1)) >> shift;
    lane_bits beyond = (lane_bits)(bits > greatest);
    *words = (bits & ~beyond) | (greatest & beyond) | sign;
}

/// The stored number that is nearest to a value.
INLINE void store_value(lane_bits *words, lanes *value, const lanes *power, int scale)
{
    words_of_value(words, value, power, scale);
    value_of_words(value, words, power, scale);
}

INLINE void keep_better(struct choice *best, const struct choice *other)
{
    lane_bits better = (lane_bits)(other->error < best->error);
    best->scale = (other->scale & better) | (best->scale & ~better);
    best->offset = (other->offset & better) | (best->offset & ~better);
    choose(&best->error, &better, &other->error, &best->error);
}

INLINE void forget(struct choice *best)
{
    best->scale = best->offset = (lane_bits){0};
    fill(&best->error, __builtin_inff());
}

/// Tries a scale without an offset, then, if asked, fits it to the integers found.
INLINE void try_scale(
    struct search *search, const struct groups *groups, const struct form *form, const lane_bits *words, int fits)
{
    struct choice choice = {.scale = *words};
    lanes scale, factor, low, high, slope = {0}, square = {0};
    value_of_words(&scale, words, &groups->power, form->scale);
    invert(&factor, &scale);
    fill(&low, form->low);
    fill(&high, form->high);
    for (size_t k = 0; k < groups->count; k++) {
        lanes integer = groups->x[k] * factor;
        round_between(&integer, &low, &high);
        lanes rest = groups->x[k] - scale * integer;
        choice.error += rest * rest;
        if (fits) {
            slope += rest * integer;
            square += integer * integer;
        }
    }
    keep_better(&search->tried, &choice);
    if (!fits)
        return;
    // With the integers held, the error is a parabola of the scale.
    lanes inverse;
    invert(&inverse, &square);
    lanes fitted = scale + slope * inverse;
    store_value(&choice.scale, &fitted, &groups->power, form->scale);
    lanes change = fitted - scale;
    choice.error -= change * (slope + slope - change * square);
    keep_better(&search->fitted, &choice);
}

/// Tries a scale and an offset, then fits them to the integers found.
INLINE void try_pair(
    struct search *search, const struct groups *groups, const struct form *form, const lane_bits *words,
    const lane_bits *offset_words)
{
    struct choice choice = {.scale = *words, .offset = *offset_words};
    lanes scale, offset, factor, low, high;
    lanes slope = {0}, square = {0}, rests = {0}, integers = {0};
    value_of_words(&scale, words, &groups->power, form->scale);
    value_of_words(&offset, offset_words, &groups->power, form->scale);
    invert(&factor, &scale);
    fill(&low, form->low);
    fill(&high, form->high);
    for (size_t k = 0; k < groups->count; k++) {
        lanes above = groups->x[k] - offset;
        lanes integer = above * factor;
        round_between(&integer, &low, &high);
        lanes rest = above - scale * integer;
        choice.error += rest * rest;
        slope += rest * integer;
        square += integer * integer;
        rests += rest;
        integers += integer;
    }
    keep_better(&search->tried, &choice);
    // With the integers held, the error is a quadratic form of the pair.
    const float count = (float)groups->count;
    lanes determinant = count * square - integers * integers, inverse;
    invert(&inverse, &determinant);
    lanes fitted = scale + (count * slope - integers * rests) * inverse;
    store_value(&choice.scale, &fitted, &groups->power, form->scale);
    lanes change = fitted - scale;
    lanes fitted_offset = offset + (rests - change * integers) / count;
    store_value(&choice.offset, &fitted_offset, &groups->power, form->scale);
    lanes move = fitted_offset - offset;
    choice.error -= change * (slope + slope - change * square);
    choice.error -= move * (rests + rests - change * (integers + integers) - count * move);
    keep_better(&search->fitted, &choice);
}

/// Tries the pair that fitted best, then what fits that, so many times.
INLINE void follow_fitted(struct search *search, const struct groups *groups, const struct form *form, int times)
{
    for (int time = 0; time < times; time++) {
        struct choice fitted = search->fitted;
        forget(&search->fitted);
        if (form->low < 0)
            try_scale(search, groups, form, &fitted.scale, 1);
        else
            try_pair(search, groups, form, &fitted.scale, &fitted.offset);
    }
}
