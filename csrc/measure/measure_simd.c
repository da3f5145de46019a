/* The fastest multiply-add loop and a plain copy, for one ISA and element type. */
#include "measure/measure.h"
#include "simd/simd.h"

/* Twelve chains: more than latency (4) times ports (2) on any machine, within 16 registers. */
enum { CHAINS = 12, STEPS = 16 };

static void multiply_add(ptrdiff_t iterations, void *sink) {
    vec chain[CHAINS];
    const vec factor = v_set1((real)0.5), term = v_set1((real)1.0);
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) chain[i] = v_set1((real)i);
    for (ptrdiff_t n = 0; n < iterations; n++)
#pragma GCC unroll 16
        for (int step = 0; step < STEPS; step++)
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; i++) chain[i] = v_fma(chain[i], factor, term);
    vec sum = v_zero();
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) sum = sum + chain[i];
    v_store_n(sink, sum, 1);
}

static void copy(const void *from, void *to, ptrdiff_t count) {
    const real *x = from;
    real *y = to;
    ptrdiff_t i = 0;
    for (; i + 4 * PL_LANES <= count; i += 4 * PL_LANES)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) v_store(y + i + j * PL_LANES, v_load(x + i + j * PL_LANES));
    for (; i < count; i += PL_LANES) v_store_n(y + i, v_load_n(x + i, count - i), count - i);
}

const pl_measure_kernels PL_KERNEL(measure) = {
    .flops = 2.0 * CHAINS * STEPS * PL_LANES, .multiply_add = multiply_add, .copy = copy};
