#pragma once
#include "rounded.h"

#if HAS_AVX && defined(__linux__)
#define HAS_AMX 1

enum { TILE_BYTES = 1024 };

/// What `ldtilecfg` takes.
typedef struct {
    uint8_t palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

/// Lines of memory to ask for, so many at once: of each of some rows, consecutive ones.
typedef struct {
    const char *row;
    size_t row_byte_stride, rows, lines, next, at_once;
} upcoming;

/// How many lines to ask for in each of some steps.
INLINE size_t lines_at_once(const upcoming *u, size_t steps) { return (u->rows * u->lines + steps - 1) / steps; }

/// Asks for the next of them, while there are any.
INLINE void fetch_upcoming(upcoming *u)
{
    for (size_t left = u->at_once; left && u->rows;) {
        const size_t some = smaller(left, u->lines - u->next);
        const char *line = u->row + u->next * 64;
        _Pragma("clang loop unroll_count(8)") for (size_t i = 0; i < some; i++)
            __builtin_prefetch(line + i * 64, 0, 2);
        left -= some;
        u->next += some;
        if (u->next < u->lines)
            continue;
        u->next = 0;
        u->row += u->row_byte_stride;
        u->rows--;
    }
}

/// Rounds tokens [first, last) of the input of grouped weights to bf16, where tiles of tokens have them.
void lockstep_lay_amx_grouped(const multiply *m, char *rounded, size_t first, size_t last);

/// One thread's part of the products of what is laid out.
void lockstep_multiply_amx_grouped(const multiply *m, const char *rounded, int thread, int threads);
void lockstep_multiply_amx_bfloats(const multiply *m, const char *rounded, int thread, int threads);

#else
#define HAS_AMX 0
#endif
