#include "lanes.h"

// Tiles beside each other into rows, and back. Some rows of all tiles at a time: so few streams are written at once
// that the processor follows them.

enum { ROWS_AT_ONCE = 8 };

INLINE void join_body(
    const uint8_t *tiles, size_t tile_stride, size_t row_stride, size_t length, size_t count, size_t rows, uint8_t *to,
    size_t to_stride)
{
    for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
        size_t last = smaller(rows, first + ROWS_AT_ONCE), t = 0;
        if (length == 2 && row_stride == 2 && last - first == ROWS_AT_ONCE)
            for (; t + 8 <= count; t += 8)
                turn_pairs(tiles + t * tile_stride + first * 2, tile_stride, to + first * to_stride + t * 2, to_stride);
        for (; t < count; t++)
            for (size_t r = first; r < last; r++)
                memcpy(to + r * to_stride + t * length, tiles + t * tile_stride + r * row_stride, length);
    }
}

void lockstep_join_tiles(
    const void *tiles, size_t tile_stride, size_t row_stride, size_t length, size_t count, size_t rows, void *to,
    size_t to_stride)
{
    switch (length) {
    case 1: return join_body(tiles, tile_stride, row_stride, 1, count, rows, to, to_stride);
    case 2: return join_body(tiles, tile_stride, row_stride, 2, count, rows, to, to_stride);
    case 4: return join_body(tiles, tile_stride, row_stride, 4, count, rows, to, to_stride);
    case 8: return join_body(tiles, tile_stride, row_stride, 8, count, rows, to, to_stride);
    case 16: return join_body(tiles, tile_stride, row_stride, 16, count, rows, to, to_stride);
    case 32: return join_body(tiles, tile_stride, row_stride, 32, count, rows, to, to_stride);
    case 64: return join_body(tiles, tile_stride, row_stride, 64, count, rows, to, to_stride);
    default: return join_body(tiles, tile_stride, row_stride, length, count, rows, to, to_stride);
    }
}

void lockstep_cut_tiles(
    const void *from, size_t from_stride, size_t columns, size_t rows, void *tiles, size_t length, size_t tile_rows)
{
    const uint8_t *source = from;
    uint8_t *tile = tiles;
    for (size_t column = 0; column < columns; column += length, tile += tile_rows * length) {
        size_t given = smaller(length, columns - column);
        if (given < length || rows < tile_rows)
            memset(tile, 0, tile_rows * length);
        for (size_t row = 0; row < rows; row++)
            memcpy(tile + row * length, source + row * from_stride + column, given);
    }
}
