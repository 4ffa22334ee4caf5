#include "lanes.h"

// Vectors that travel between ranks in fewer bits. Every operation is on single elements or exact, so that all
// instruction sets give the same bits; sums are taken in the order of the vectors.

typedef struct lockstep_packing packing;

enum { BLOCK = LOCKSTEP_WIRE_BLOCK };

INLINE void pack_bfloats(const float *x, uint16_t *y)
{
    for (size_t i = 0; i < BLOCK; i++)
        y[i] = bfloat_of_float(x[i]);
}

INLINE void pack_bytes(const float *x, float *y)
{
    uint32_t bits[BLOCK], greatest = 0;
    memcpy(bits, x, sizeof bits);
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t magnitude = bits[i] & 0x7fffffff;
        greatest = greatest < magnitude ? magnitude : greatest;
    }
    float most = float_of_bits(greatest);
    int is_finite = greatest < 0x7f800000;
    // Below that, the inverse of the scale could overflow.
    int is_zero = most < 0x1p-100f;
    float scale = is_finite ? (is_zero ? 0 : most / 127) : float_of_bits(0x7fc00000);
    // 127 times a greater scale would be infinite.
    scale = scale > 0x1.020406p121f ? 0x1.020406p121f : scale;
    float inverse = is_finite && !is_zero ? 127 / most : 0;
    int8_t integers[BLOCK];
    // Adding 1.5 x 2^23 rounds to a whole number, ties to even.
    for (size_t i = 0; i < BLOCK; i++)
        integers[i] = (int8_t)(int32_t)(is_finite ? (x[i] * inverse + 0x1.8p23f) - 0x1.8p23f : 1);
    memcpy(y, &scale, sizeof scale);
    memcpy(y + 1, integers, sizeof integers);
}

INLINE void unpack_bfloats(const float *x, float *y)
{
    uint16_t words[BLOCK];
    memcpy(words, x, sizeof words);
    for (size_t i = 0; i < BLOCK; i++)
        y[i] = float_of_bits((uint32_t)words[i] << 16);
}

INLINE void unpack_bytes(const float *x, float *y)
{
    int8_t integers[BLOCK];
    float scale = x[0];
    memcpy(integers, x + 1, sizeof integers);
    for (size_t i = 0; i < BLOCK; i++)
        y[i] = scale * (float)integers[i];
}

INLINE size_t block_words(int form) { return form == LOCKSTEP_WIRE_BF16 ? BLOCK / 2 : 1 + BLOCK / 4; }

INLINE void pack_body(const packing *p, size_t first, size_t last)
{
    size_t words = block_words(p->form);
    for (size_t block = first; block < last; block++) {
        float padded[BLOCK] = {0};
        const float *x = p->from + block * BLOCK;
        if ((block + 1) * BLOCK > p->count) {
            if (block * BLOCK < p->count)
                memcpy(padded, x, (p->count - block * BLOCK) * sizeof(float));
            x = padded;
        }
        float *y = p->to + block * words;
        if (p->form == LOCKSTEP_WIRE_BF16)
            pack_bfloats(x, (uint16_t *)y);
        else
            pack_bytes(x, y);
    }
}

FOR_EVERY_TARGET(void, pack, (const packing *p, size_t first, size_t last), (p, first, last))

INLINE void add_packed_body(const packing *p, size_t first, size_t last)
{
    size_t words = block_words(p->form);
    for (size_t block = first; block < last; block++) {
        float sums[BLOCK], terms[BLOCK];
        for (size_t vector = 0; vector < p->vectors; vector++) {
            const float *x = p->from + (vector * p->blocks + block) * words;
            if (p->form == LOCKSTEP_WIRE_BF16)
                unpack_bfloats(x, terms);
            else
                unpack_bytes(x, terms);
            for (size_t i = 0; i < BLOCK; i++)
                sums[i] = vector == 0 ? terms[i] : sums[i] + terms[i];
        }
        memcpy(p->to + block * BLOCK, sums, smaller(BLOCK, p->count - block * BLOCK) * sizeof(float));
    }
}

FOR_EVERY_TARGET(void, add_packed, (const packing *p, size_t first, size_t last), (p, first, last))

void lockstep_pack_wire_part(const void *work, int thread, int threads)
{
    const packing *p = work;
    size_t first, last;
    part_of(p->blocks, 1, thread, threads, &first, &last);
    pack(p->instruction_set)(p, first, last);
}

void lockstep_add_packed_part(const void *work, int thread, int threads)
{
    const packing *p = work;
    size_t first, last;
    part_of(smaller(p->blocks, (p->count + BLOCK - 1) / BLOCK), 1, thread, threads, &first, &last);
    add_packed(p->instruction_set)(p, first, last);
}
