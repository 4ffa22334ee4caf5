#include "lanes.h"

// Reads memory and does next to nothing with it: the measure of what a product of one token can reach.

typedef uint64_t words __attribute__((vector_size(64), may_alias));

/// Eight lines at a time, as many of each of `streams` parts that lie far apart.
INLINE void read_streams(const words *lines, size_t first, size_t last, const int streams, words *sums)
{
    const int run = 8 / streams;
    size_t length = (last - first) / (size_t)streams / (size_t)run * (size_t)run;
    for (size_t i = first; i < first + length; i += (size_t)run)
        UNROLL for (int j = 0; j < 8; j++) sums[j] ^= lines[i + (size_t)(j / run) * length + (size_t)(j % run)];
    for (size_t i = first + (size_t)streams * length; i < last; i++)
        sums[0] ^= lines[i];
}

INLINE void read_body(const words *lines, size_t first, size_t last, int streams, uint64_t *digest)
{
    words sums[8] = {0};
    switch (streams) {
    case 8: read_streams(lines, first, last, 8, sums); break;
    case 4: read_streams(lines, first, last, 4, sums); break;
    default: read_streams(lines, first, last, 1, sums); break;
    }
    for (int j = 1; j < 8; j++)
        sums[0] ^= sums[j];
    memcpy(digest, &sums[0], sizeof sums[0]);
}

FOR_EVERY_TARGET(
    void, read, (const words *lines, size_t first, size_t last, int streams, uint64_t *digest),
    (lines, first, last, streams, digest))

void lockstep_read_part(const void *work, int thread, int threads)
{
    const struct lockstep_read *r = work;
    size_t first, last;
    part_of(r->count, 64, thread, threads, &first, &last);
    read(r->instruction_set)(r->lines, first, last, r->streams, r->digests + (size_t)thread * 8);
}
