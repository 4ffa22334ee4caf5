#include "lanes.h"

// Reads memory and does next to nothing with it: the measure of what a product of one token can reach.

typedef uint64_t words __attribute__((vector_size(64), may_alias));

// Eight streams that lie far apart: memory gives several streams more than one.
INLINE void read_body(const words *lines, size_t first, size_t last, uint64_t *digest)
{
    words sums[8] = {0};
    size_t apart = (last - first) / 8;
    for (size_t i = first; i < first + apart; i++)
        UNROLL for (size_t j = 0; j < 8; j++) sums[j] ^= lines[i + j * apart];
    for (size_t i = first + 8 * apart; i < last; i++)
        sums[0] ^= lines[i];
    for (int j = 1; j < 8; j++)
        sums[0] ^= sums[j];
    memcpy(digest, &sums[0], sizeof sums[0]);
}

FOR_EVERY_TARGET(
    void, read, (const words *lines, size_t first, size_t last, uint64_t *digest), (lines, first, last, digest))

void lockstep_read_part(const void *work, int thread, int threads)
{
    const struct lockstep_read *r = work;
    size_t first, last;
    part_of(r->count, 64, thread, threads, &first, &last);
    read(r->instruction_set)(r->lines, first, last, r->digests + (size_t)thread * 8);
}
