/* Column sums for one ISA and element type: lanes over columns, eight chains over rows hide the
 * latency of the addition. */
#include "reduce/reduce.h"
#include "simd/simd.h"

enum { CHAINS = 8 };

static void column_sums(const void *from, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t columns, void *to) {
    for (ptrdiff_t j = 0; j < columns; j += PL_LANES) {
        const real *x = (const real *)from + j;
        const vtail tail = tail_of(columns - j);
        vec sum[CHAINS];
#pragma GCC unroll 8
        for (int r = 0; r < CHAINS; r++) sum[r] = v_zero();
        ptrdiff_t i = 0;
        for (; i + CHAINS <= rows; i += CHAINS)
#pragma GCC unroll 8
            for (int r = 0; r < CHAINS; r++) sum[r] = sum[r] + v_load_tail(x + (i + r) * ld, tail);
#pragma GCC unroll 8
        for (int r = 0; r < CHAINS; r++)
            if (i + r < rows) sum[r] = sum[r] + v_load_tail(x + (i + r) * ld, tail);
        const vec total = ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
        v_store_tail((real *)to + j, total, tail);
    }
}

static void add(const void *from, void *to, ptrdiff_t count) {
    const real *x = from;
    real *y = to;
    for (ptrdiff_t j = 0; j < count; j += PL_LANES) {
        const vtail tail = tail_of(count - j);
        v_store_tail(y + j, v_load_tail(y + j, tail) + v_load_tail(x + j, tail), tail);
    }
}

static void scale_add(const void *factors, const void *from, void *to, ptrdiff_t count) {
    const real *scale = factors, *x = from;
    real *y = to;
    for (ptrdiff_t j = 0; j < count; j += PL_LANES) {
        const vtail tail = tail_of(count - j);
        const vec sum =
            v_fma(v_load_tail(y + j, tail), v_load_tail(scale + j, tail), v_load_tail(x + j, tail));
        v_store_tail(y + j, sum, tail);
    }
}

const pl_reduce_kernels PL_KERNEL(reduce) = {.column_sums = column_sums, .add = add, .scale_add = scale_add};
