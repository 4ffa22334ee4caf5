#include "trials.h"

// Rounding to grouped integers: a search for the scale, and the offset, that give a group the least squared error.

/// Tries stored scales of one sign, from `last` up to `first`, and both of these.
INLINE void try_scales(
    struct search *search, const struct groups *groups, const struct form *form, const lane_bits *first,
    const lane_bits *last, const lane_bits *sign)
{
    uint32_t most = 0;
    for (int lane = 0; lane < 16; lane++) {
        uint32_t count = (*first)[lane] - (*last)[lane];
        most = count > most ? count : most;
    }
    for (uint32_t step = 0; step < most + (uint32_t)form->stride; step += (uint32_t)form->stride) {
        lane_bits words = *last + step;
        lane_bits beyond = (lane_bits)(words > *first);
        words = (words & ~beyond) | (*first & beyond) | *sign;
        if (form->stride > 1)
            try_scale(search, groups, form, &words, 1);
        else
            try_scale(search, groups, form, &words, 0);
    }
}

/// Scales such that the group's greatest magnitude is `integers` integers.
INLINE void words_of_range(
    lane_bits *words, const lanes *range, float integers, const struct groups *groups, const struct form *form)
{
    lanes scale = *range / integers;
    words_of_value(words, &scale, &groups->power, form->scale);
}

/// A sign of the scale gives one side of zero an integer more: both are tried where the other side would be cut.
INLINE void search_scale(struct search *search, const struct groups *groups, const struct form *form)
{
    lanes below = -groups->lowest, magnitude;
    lane_bits is_above = (lane_bits)(groups->highest > below);
    choose(&magnitude, &is_above, &groups->highest, &below);
    lane_bits sign = is_above & 0x8000, first, last;
    words_of_range(&last, &magnitude, form->widest, groups, form);
    words_of_range(&first, &magnitude, form->narrowest, groups, form);
    try_scales(search, groups, form, &first, &last, &sign);
    sign ^= 0x8000;
    words_of_range(&first, &magnitude, form->high, groups, form);
    try_scales(search, groups, form, &first, &last, &sign);
    words_of_range(&first, &magnitude, -form->low, groups, form);
    first |= sign ^ 0x8000;
    try_scale(search, groups, form, &first, 1);
    if (form->stride > 1)
        follow_fitted(search, groups, form, 2);
}

/// Tries a scale such that the group's range is so many integers, with `phases` offsets for each integer by which the
/// range may be moved, then what fits the best of them.
INLINE void try_offsets(
    struct search *search, const struct groups *groups, const struct form *form, const lanes *range, float integers,
    int phases)
{
    const float free = integers > form->high ? integers - form->high + 1 : 1;
    const int count = (int)(free * (float)phases);
    lanes scale = *range / integers;
    lane_bits words, offset_words;
    store_value(&words, &scale, &groups->power, form->scale);
    struct search row = {.tried = search->tried};
    forget(&row.fitted);
    for (int phase = 0; phase < count; phase++) {
        lanes offset = groups->lowest + scale * ((float)phase / (float)phases - (phases > 1 ? 0.5f : 0));
        words_of_value(&offset_words, &offset, &groups->power, form->scale);
        try_pair(&row, groups, form, &words, &offset_words);
    }
    follow_fitted(&row, groups, form, 1);
    search->tried = row.tried;
    keep_better(&search->fitted, &row.fitted);
}

/// An offset that is stored below the lowest element, with the scale that reaches the highest: where all elements are
/// nearly alike, the rounding of the offset is what matters.
INLINE void try_from_below(struct search *search, const struct groups *groups, const struct form *form)
{
    lanes offset = groups->lowest;
    lane_bits words, offset_words;
    store_value(&offset_words, &offset, &groups->power, form->scale);
    for (int round = 0; round < 2; round++) {
        lanes scale = (groups->highest - offset) / form->high;
        words_of_value(&words, &scale, &groups->power, form->scale);
        try_pair(search, groups, form, &words, &offset_words);
        lane_bits is_negative = (lane_bits)(offset_words > 0x8000), is_zero = (lane_bits)((offset_words & 0x7fff) == 0);
        offset_words = ((offset_words + 1) & is_negative) | ((offset_words - 1) & ~is_negative);
        offset_words = (offset_words & ~is_zero) | (0x8001 & is_zero);
        value_of_words(&offset, &offset_words, &groups->power, form->scale);
    }
}

INLINE void search_pair(struct search *search, const struct groups *groups, const struct form *form)
{
    lanes range = groups->highest - groups->lowest;
    try_from_below(search, groups, form);
    for (float integers = form->narrowest; integers <= form->widest;) {
        // Most groups find their pair where the range is about that of the integers.
        int is_central = integers >= 0.78f * form->high && integers <= 1.2f * form->high;
        try_offsets(search, groups, form, &range, integers, is_central ? form->phases : (form->phases + 1) / 2);
        integers += is_central ? form->step : 2 * form->step;
    }
    follow_fitted(search, groups, form, 2);
}

INLINE const char *row_of(const struct lockstep_quantize_work *work, size_t row)
{
    return (const char *)work->x + row * work->x_stride * bytes_per_element(work->x_encoding);
}

INLINE struct form form_of(const struct lockstep_quantize_work *work, size_t count)
{
    const int is_wide = work->encoding == LOCKSTEP_Q8;
    struct form form = {.scale = work->grouping.scale, .stride = 1};
    if (work->grouping.has_offsets) {
        form.high = is_wide ? 255 : 15;
        form.narrowest = is_wide ? 128 : 8;
        form.widest = is_wide ? 260 : 20;
        // A scale of 8 bits of fraction cannot be fitted to 8 bits of integers: offsets count for more then.
        const int is_coarse = form.scale == LOCKSTEP_SCALE_BF16;
        form.step = is_wide ? (is_coarse ? 1 : 0.5f) : 0.25f;
        form.phases = is_wide && !is_coarse ? 2 : 4;
        return form;
    }
    form.low = is_wide ? -128 : -8;
    form.high = is_wide ? 127 : 7;
    // A scale of half as many integers is never better than the one of all. Long groups fill many integers, and find no
    // lucky scale far from the narrowest that cuts nothing.
    form.narrowest = is_wide ? (count < 32 ? 63.5f : 96) : 3.5f;
    form.widest = is_wide ? 132 : 16;
    if (!is_wide && form.scale == LOCKSTEP_SCALE_F16)
        form.stride = 8;
    return form;
}

/// Divides the groups by the power of two of their greatest magnitude, held where it and its inverse are normal.
INLINE void normalize_groups(struct groups *groups)
{
    lanes magnitude, below = -groups->lowest;
    lane_bits is_above = (lane_bits)(groups->highest > below);
    choose(&magnitude, &is_above, &groups->highest, &below);
    lane_bits exponent = (lane_bits)magnitude >> 23;
    lane_bits beyond = (lane_bits)(exponent > 227);
    exponent = (exponent & ~beyond) | (227 & beyond);
    beyond = (lane_bits)(exponent < 27);
    exponent = (exponent & ~beyond) | (27 & beyond);
    groups->power = (lanes)(exponent << 23);
    for (size_t k = 0; k < groups->count; k++)
        groups->x[k] /= groups->power;
    groups->lowest /= groups->power;
    groups->highest /= groups->power;
}

/// Loads a group of up to 16 rows; numbers that are not finite become zero.
INLINE void load_groups(
    struct groups *groups, const struct lockstep_quantize_work *work, size_t first_row, size_t rows, size_t column)
{
    const size_t count = smaller(work->grouping.size, work->columns - column);
    groups->count = count;
    groups->lowest = groups->highest = (lanes){0};
    memset(groups->x, 0, count * sizeof(lanes));
    for (size_t row = 0; row < rows; row++) {
        const char *x = row_of(work, first_row + row);
        float lowest = __builtin_inff(), highest = -__builtin_inff();
        for (size_t k = 0; k < count; k++) {
            float value = widened(x, column + k, work->x_encoding);
            value = __builtin_fabsf(value) < __builtin_inff() ? value : 0;
            lowest = value < lowest ? value : lowest;
            highest = value > highest ? value : highest;
            groups->x[k][row] = value;
        }
        groups->lowest[row] = lowest;
        groups->highest[row] = highest;
    }
    normalize_groups(groups);
}

/// Writes the integers of one row of the groups.
INLINE void store_integers(
    const struct groups *groups, const lanes *integers, size_t row, float low, int is_wide, uint8_t *values)
{
    for (size_t k = 0; k < groups->count; k++) {
        uint8_t integer = (uint8_t)(integers[k][row] - low);
        if (is_wide)
            values[k] = integer;
        else if (k % 2 == 0)
            values[k / 2] = integer;
        else
            values[k / 2] |= (uint8_t)(integer << 4);
    }
}

INLINE void store_word(void *words, size_t index, uint32_t bits)
{
    uint16_t word = (uint16_t)bits;
    memcpy((char *)words + index * sizeof word, &word, sizeof word);
}

INLINE void quantize_groups(const struct lockstep_quantize_work *work, size_t first_row, size_t rows, size_t group)
{
    const int is_wide = work->encoding == LOCKSTEP_Q8;
    const size_t column = group * work->grouping.size;
    struct groups groups;
    load_groups(&groups, work, first_row, rows, column);
    const struct form form = form_of(work, groups.count);
    struct search search;
    forget(&search.tried);
    forget(&search.fitted);
    if (work->grouping.has_offsets)
        search_pair(&search, &groups, &form);
    else
        search_scale(&search, &groups, &form);
    const struct choice best = search.tried;

    lanes scale, offset, factor, low, high, integers[LONGEST_GROUP];
    value_of_words(&scale, &best.scale, &groups.power, form.scale);
    value_of_words(&offset, &best.offset, &groups.power, form.scale);
    invert(&factor, &scale);
    fill(&low, form.low);
    fill(&high, form.high);
    for (size_t k = 0; k < groups.count; k++) {
        integers[k] = (groups.x[k] - offset) * factor;
        round_between(&integers[k], &low, &high);
    }
    for (size_t lane = 0; lane < rows; lane++) {
        size_t row = first_row + lane;
        uint8_t *values = work->values + row * work->values_stride + (is_wide ? column : column / 2);
        store_integers(&groups, integers, lane, form.low, is_wide, values);
        store_word(work->scales, row * work->groups_stride + group, best.scale[lane]);
        if (work->grouping.has_offsets)
            store_word(work->offsets, row * work->groups_stride + group, best.offset[lane]);
    }
}

INLINE void quantize_body(const struct lockstep_quantize_work *work, size_t first_row, size_t rows)
{
    for (size_t group = 0; group * work->grouping.size < work->columns; group++)
        quantize_groups(work, first_row, rows, group);
}

FOR_EVERY_TARGET(
    void, quantize, (const struct lockstep_quantize_work *work, size_t first_row, size_t rows), (work, first_row, rows))

/// Counts what cannot be stored: numbers that are not finite, and those beyond the greatest scale.
static void count_findings(const struct lockstep_quantize_work *work, size_t *not_finite, size_t *too_large)
{
    const int bits = work->encoding == LOCKSTEP_Q8 ? 8 : 4;
    const float integers = (float)(1 << (work->grouping.has_offsets ? bits : bits - 1));
    const int is_half = work->grouping.scale == LOCKSTEP_SCALE_F16;
    const uint32_t word = greatest_word(work->grouping.scale);
    const float greatest = (is_half ? float_of_half((uint16_t)word) : float_of_bits(word << 16)) * integers;
    *not_finite = *too_large = 0;
    for (size_t row = 0; row < work->rows; row++) {
        const char *x = row_of(work, row);
        for (size_t k = 0; k < work->columns; k++) {
            float magnitude = __builtin_fabsf(widened(x, k, work->x_encoding));
            int is_finite = magnitude < __builtin_inff();
            *not_finite += !is_finite;
            *too_large += is_finite && magnitude > greatest;
        }
    }
}

void lockstep_quantize(const struct lockstep_quantize_work *work, size_t *not_finite, size_t *too_large)
{
    count_findings(work, not_finite, too_large);
    void (*run)(const struct lockstep_quantize_work *, size_t, size_t) = quantize(work->instruction_set);
    for (size_t row = 0; row < work->rows; row += 16)
        run(work, row, smaller(16, work->rows - row));
}
