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

/// Rounds tokens [first, last) of a multiply's input to bf16, where tiles of tokens have them.
void lockstep_lay_amx(const multiply *m, char *rounded, size_t first, size_t last);

/// One thread's part of the products of what is laid out.
void lockstep_multiply_amx(const multiply *m, const char *rounded, int thread, int threads);

#else
#define HAS_AMX 0
#endif
