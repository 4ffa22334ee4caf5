#include "lanes.h"

// XXH64 as specified in https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. One hash is a chain of
// multiplications; several pieces at once keep the multipliers busy.

static const uint64_t prime1 = 0x9e3779b185ebca87, prime2 = 0xc2b2ae3d27d4eb4f, prime3 = 0x165667b19e3779f9,
                      prime4 = 0x85ebca77c2b2ae63, prime5 = 0x27d4eb2f165667c5;

/// Bytes that the four lanes take at once.
enum { STRIPE = 32 };

/// The most pieces at once. With AVX-512 a Zen 5 takes 21 GB/s of one, 66 of four, 115 of eight.
enum { AVX2_PIECES = 4, AVX512_PIECES = 8 };

INLINE uint64_t rotate(uint64_t x, int count) { return x << count | x >> (64 - count); }

INLINE uint64_t word(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

INLINE uint64_t absorb(uint64_t lane, uint64_t input) { return rotate(lane + input * prime2, 31) * prime1; }

INLINE void begin(uint64_t *lane, uint64_t seed)
{
    lane[0] = seed + prime1 + prime2;
    lane[1] = seed + prime2;
    lane[2] = seed;
    lane[3] = seed - prime1;
}

/// The hash of what four lanes have taken, and of the last 0 to 31 bytes. A function by itself, or compilers would keep
/// lanes in vectors for its sake.
static __attribute__((noinline)) uint64_t finish(const uint64_t *lane, uint64_t seed, const uint8_t *rest, size_t count)
{
    uint64_t hash = seed + prime5;
    if (count >= STRIPE) {
        hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
        for (int i = 0; i < 4; i++)
            hash = (hash ^ absorb(0, lane[i])) * prime1 + prime4;
    }
    hash += count;
    size_t left = count % STRIPE;
    for (; left >= 8; left -= 8, rest += 8)
        hash = rotate(hash ^ absorb(0, word(rest)), 27) * prime1 + prime4;
    if (left >= 4) {
        uint64_t half = rest[0] | (uint64_t)rest[1] << 8 | (uint64_t)rest[2] << 16 | (uint64_t)rest[3] << 24;
        hash = rotate(hash ^ half * prime1, 23) * prime2 + prime3;
        left -= 4;
        rest += 4;
    }
    for (; left > 0; left--, rest++)
        hash = rotate(hash ^ *rest * prime5, 11) * prime1;
    hash = (hash ^ hash >> 33) * prime2;
    hash = (hash ^ hash >> 29) * prime3;
    return hash ^ hash >> 32;
}

uint64_t lockstep_hash(const void *bytes, size_t count, uint64_t seed)
{
    const uint8_t *from = bytes;
    uint64_t lane[4];
    begin(lane, seed);
    size_t stripes = count / STRIPE;
    for (size_t i = 0; i < stripes; i++)
        for (int j = 0; j < 4; j++)
            lane[j] = absorb(lane[j], word(from + i * STRIPE + 8 * j));
    return finish(lane, seed, from + stripes * STRIPE, count);
}

#if HAS_AVX
typedef uint64_t eight_words __attribute__((vector_size(64)));
typedef uint64_t four_words __attribute__((vector_size(32)));
typedef uint32_t word_halves __attribute__((vector_size(32)));
typedef uint64_t unaligned_four_words __attribute__((vector_size(32), aligned(1), may_alias));

/// Stripe `i` of two pieces.
AVX512 INLINE void load_stripes(eight_words *to, const uint8_t *a, const uint8_t *b, size_t i)
{
    unaligned_four_words first = *(const unaligned_four_words *)(a + i * STRIPE);
    unaligned_four_words second = *(const unaligned_four_words *)(b + i * STRIPE);
    *to = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7);
}

/// Pieces of the same length, two to a vector of eight lanes; vectors wait for nobody but themselves. Of an odd number
/// the last piece is taken twice.
AVX512 INLINE void hash_pairs_avx512(
    const uint8_t *from, size_t stride, size_t pieces, size_t count, uint64_t *hashes, const int vectors)
{
    uint64_t lane[8];
    eight_words lanes[AVX512_PIECES / 2];
    const uint8_t *piece[AVX512_PIECES];
    begin(lane, 0);
    begin(lane + 4, 0);
    UNROLL for (int j = 0; j < vectors; j++) memcpy(&lanes[j], lane, sizeof lane);
    UNROLL for (int i = 0; i < 2 * vectors; i++) piece[i] = from + smaller((size_t)i, pieces - 1) * stride;
    size_t stripes = count / STRIPE;
    for (size_t i = 0; i < stripes; i++)
        UNROLL for (int j = 0; j < vectors; j++)
        {
            eight_words input;
            load_stripes(&input, piece[2 * j], piece[2 * j + 1], i);
            lanes[j] += input * prime2;
            lanes[j] = (lanes[j] << 31 | lanes[j] >> 33) * prime1;
        }
    for (size_t i = 0; i < pieces; i++) {
        memcpy(lane, (const uint64_t *)&lanes[i / 2] + i % 2 * 4, 4 * sizeof *lane);
        hashes[i] = finish(lane, 0, piece[i] + stripes * STRIPE, count);
    }
}

/// Two to eight pieces.
AVX512 static void hash_some_avx512(
    const uint8_t *from, size_t stride, size_t pieces, size_t count, uint64_t *hashes)
{
    if (pieces > 6)
        hash_pairs_avx512(from, stride, pieces, count, hashes, 4);
    else if (pieces > 4)
        hash_pairs_avx512(from, stride, pieces, count, hashes, 3);
    else if (pieces > 2)
        hash_pairs_avx512(from, stride, pieces, count, hashes, 2);
    else
        hash_pairs_avx512(from, stride, pieces, count, hashes, 1);
}

/// The lanes before they are turned and multiplied, which is put off until the next stripe is there.
AVX2 INLINE void absorb_four(four_words *lanes, const uint8_t *from)
{
    const four_words low = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    const four_words factor1 = prime1 + (four_words){0}, factor2 = prime2 + (four_words){0};
    const word_halves across1 = (word_halves)(factor1 << 32 | factor1 >> 32);
    const word_halves across2 = (word_halves)(factor2 << 32 | factor2 >> 32);
    four_words turned = *lanes << 31 | *lanes >> 33, input = *(const unaligned_four_words *)from;
    // A product of words is that of their low halves and, in its high half, two across: of both products together.
    four_words across = (four_words)((word_halves)turned * across1 + (word_halves)input * across2);
    *lanes = (turned & low) * (factor1 & low) + (input & low) * (factor2 & low) + (across & ~low) + (across << 32);
}

/// Some pieces of the same length. Each but the last has a vector of four lanes; the last one goes meanwhile through
/// the multiplier of single words.
AVX2 INLINE void hash_fours_avx2(
    const uint8_t *from, size_t stride, size_t count, uint64_t *hashes, const int vectors)
{
    // What prime1 takes back to 1.
    const uint64_t inverse1 = 0x887493432badb37;
    const uint8_t *last = from + (size_t)vectors * stride;
    uint64_t lane[4];
    begin(lane, 0);
    four_words lanes[AVX2_PIECES];
    UNROLL for (int j = 0; j < vectors; j++)
    {
        lanes[j] = (four_words){lane[0], lane[1], lane[2], lane[3]} * inverse1;
        lanes[j] = lanes[j] << 33 | lanes[j] >> 31;
    }
    size_t stripes = count / STRIPE;
    for (size_t i = 0; i < stripes; i++) {
        UNROLL for (int j = 0; j < vectors; j++) absorb_four(&lanes[j], from + (size_t)j * stride + i * STRIPE);
        UNROLL for (int j = 0; j < 4; j++)
        {
            uint64_t input = word(last + i * STRIPE + 8 * j);
            // Or compilers make a vector of the four.
            __asm__("" : "+r"(input));
            lane[j] = absorb(lane[j], input);
        }
    }
    hashes[vectors] = finish(lane, 0, last + stripes * STRIPE, count);
    for (int j = 0; j < vectors; j++) {
        lanes[j] = (lanes[j] << 31 | lanes[j] >> 33) * prime1;
        memcpy(lane, &lanes[j], sizeof lane);
        hashes[j] = finish(lane, 0, from + (size_t)j * stride + stripes * STRIPE, count);
    }
}

/// Two to four pieces.
AVX2 static void hash_some_avx2(
    const uint8_t *from, size_t stride, size_t pieces, size_t count, uint64_t *hashes)
{
    if (pieces > 3)
        hash_fours_avx2(from, stride, count, hashes, 3);
    else if (pieces > 2)
        hash_fours_avx2(from, stride, count, hashes, 2);
    else
        hash_fours_avx2(from, stride, count, hashes, 1);
}
#endif

void lockstep_hash_pieces(
    int instruction_set, const void *bytes, size_t piece, size_t stride, size_t count, uint64_t *hashes)
{
    const uint8_t *from = bytes;
    size_t i = 0;
#if HAS_AVX
    const int is_wide = instruction_set == LOCKSTEP_AVX512;
    for (size_t some; (is_wide || instruction_set == LOCKSTEP_AVX2) && i + 1 < count; i += some) {
        some = smaller(is_wide ? AVX512_PIECES : AVX2_PIECES, count - i);
        (is_wide ? hash_some_avx512 : hash_some_avx2)(from + i * stride, stride, some, piece, hashes + i);
    }
#else
    (void)instruction_set;
#endif
    for (; i < count; i++)
        hashes[i] = lockstep_hash(from + i * stride, piece, 0);
}
