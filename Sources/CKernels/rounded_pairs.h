#pragma once
#include "rounded.h"

#if HAS_AVX
/// Panels [first, last) of one product for several tokens, by AVX2: weights are unpacked once for many tokens, with
/// the bits of every other form. Groups of 16 are not for it.
void lockstep_multiply_pairs(
    const multiply *m, const product *p, const panel_layout *l, const char *rounded, size_t first, size_t last);
#endif
