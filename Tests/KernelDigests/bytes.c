#include "digests.h"

// The quantizer, hashes, tiles, and vectors that travel between ranks.

static void digest_quantized(int encoding, int scale, int has_offsets, size_t size, size_t rows, size_t columns)
{
    const size_t groups = (columns + size - 1) / size;
    const int x_encoding = (int)pick(3);
    uint8_t *values = memory(rows * columns), *scales = memory(rows * groups * 2), *offsets = memory(rows * groups * 2);
    struct lockstep_quantize_work work = {.instruction_set = settings.instruction_set, .encoding = encoding,
        .grouping = {.scale = scale, .has_offsets = has_offsets, .size = size},
        .x = narrow_numbers(rows * columns, 0.5f, x_encoding), .x_encoding = x_encoding, .x_stride = columns,
        .rows = rows, .columns = columns, .values = values, .scales = scales, .offsets = has_offsets ? offsets : NULL,
        .values_stride = columns, .groups_stride = groups};
    size_t counts[2];
    lockstep_quantize(&work, &counts[0], &counts[1]);
    const char *name = encoding == LOCKSTEP_Q8 ? "q8" : "q4";
    const char *scale_name = scale == LOCKSTEP_SCALE_F16 ? "f16" : "bf16";
    digest_bytes(values, rows * columns, "quantize %s %s/%zu offsets %d, %zux%zu", name, scale_name, size, has_offsets,
        rows, columns);
    digest_bytes(scales, rows * groups * 2, "its scales");
    digest_bytes(offsets, rows * groups * 2, "its offsets");
    printf("its findings %zu %zu\n", counts[0], counts[1]);
    release();
}

void digest_quantizer(void)
{
    size_t form = 0;
    for (int encoding = LOCKSTEP_Q4; encoding <= LOCKSTEP_Q8; encoding += LOCKSTEP_Q8 - LOCKSTEP_Q4)
        for (int scale = LOCKSTEP_SCALE_F16; scale <= LOCKSTEP_SCALE_BF16; scale++)
            for (int has_offsets = 0; has_offsets < 2; has_offsets++, form++)
                digest_quantized(encoding, scale, has_offsets, (size_t)32 << form % 3, 61 + form * 2, 170 + form * 9);
}

static void digest_wire(int form, size_t count, size_t vectors)
{
    const size_t blocks = (count + LOCKSTEP_WIRE_BLOCK - 1) / LOCKSTEP_WIRE_BLOCK;
    const size_t words = form == LOCKSTEP_WIRE_BF16 ? 16 : 9;
    float *packed = memory(vectors * blocks * words * sizeof(float)), *sums = numbers(count, 0);
    for (size_t v = 0; v < vectors; v++) {
        float *x = numbers(count, 3);
        // Halves of integers: ties, with the greatest a multiple of 127.
        if (v == 1)
            for (size_t i = 0; i < count; i++)
                x[i] = i % 32 ? (float)pick(254) / 2 : 127;
        if (v == 2)
            x[pick(count)] = INFINITY;
        struct lockstep_packing p = {.instruction_set = settings.instruction_set, .form = form, .from = x,
            .to = packed + v * blocks * words, .count = count, .blocks = blocks, .vectors = 1};
        run(lockstep_pack_wire_part, &p);
    }
    const char *name = form == LOCKSTEP_WIRE_BF16 ? "bf16" : "q8";
    struct lockstep_packing p = {.instruction_set = settings.instruction_set, .form = form, .from = packed, .to = sums,
        .count = count, .blocks = blocks, .vectors = vectors};
    run(lockstep_add_packed_part, &p);
    digest_bytes(packed, (vectors < 2 ? vectors : 2) * blocks * words * sizeof(float), "wire %s of %zu", name, count);
    digest(sums, count, "sum of %zu wires %s of %zu", vectors, name, count);
    release();
}

static void digest_hashes(size_t piece)
{
    enum { COUNT = 7 };
    uint64_t hashes[COUNT + 1];
    const uint8_t *bytes = random_bytes(COUNT * (piece + 3) + 8);
    hashes[COUNT] = lockstep_hash(bytes + 1, piece, 5);
    lockstep_hash_pieces(settings.instruction_set, bytes + 1, piece, piece + 3, COUNT, hashes);
    digest_bytes(hashes, sizeof hashes, "hashes of %zu bytes", piece);
    release();
}

static void digest_tiles(size_t length, size_t rows, size_t count)
{
    const size_t columns = length * count;
    uint8_t *from = random_bytes(rows * columns), *tiles = memory(rows * columns), *joined = memory(rows * columns);
    lockstep_cut_tiles(from, columns, columns, rows, tiles, length, rows);
    digest_bytes(tiles, rows * columns, "%zu tiles of %zux%zu", count, rows, length);
    lockstep_join_tiles(tiles, rows * length, length, length, count, rows, joined, columns);
    digest_bytes(joined, rows * columns, "joined");
    printf("joined again: %d\n", memcmp(from, joined, rows * columns));
    release();
}

void digest_bytes_and_wire(void)
{
    static const size_t sizes[] = {1, 3, 31, 32, 33, 64, 100, 257, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int form = LOCKSTEP_WIRE_BF16; form <= LOCKSTEP_WIRE_Q8; form++)
            digest_wire(form, sizes[i], 1 + i % 4);
        digest_hashes(sizes[i]);
        digest_tiles((size_t)1 << i % 7, sizes[i] % 40 + 1, 1 + i * 3);
    }
}
