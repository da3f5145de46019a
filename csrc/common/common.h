/* What every C file of pellucid may use: element types, status codes, small integer helpers. */
#ifndef PL_COMMON_H
#define PL_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "pl_kernels.h"

#define PL_INLINE static inline __attribute__((always_inline))

PL_INLINE ptrdiff_t pl_min(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
PL_INLINE ptrdiff_t pl_max(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
PL_INLINE ptrdiff_t pl_ceil_div(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }
PL_INLINE ptrdiff_t pl_round_up(ptrdiff_t a, ptrdiff_t b) { return pl_ceil_div(a, b) * b; }
PL_INLINE size_t pl_item_size(int dtype) { return dtype == PL_F64 ? 8 : 4; }

/* Element i of a vector, as a double; pl_put rounds to the element type and returns what it wrote. */
PL_INLINE double pl_get(int dtype, const void *vector, ptrdiff_t i) {
    return dtype == PL_F64 ? ((const double *)vector)[i] : (double)((const float *)vector)[i];
}
PL_INLINE double pl_put(int dtype, void *vector, ptrdiff_t i, double value) {
    if (dtype == PL_F64)
        ((double *)vector)[i] = value;
    else
        ((float *)vector)[i] = (float)value;
    return pl_get(dtype, vector, i);
}

/* Hides from the compiler how a number or pointer came about. It would else compute every address or bit
 * that a loop needs before it, and keep them all: more than there are registers. */
#define PL_OPAQUE(value) __asm__("" : "+r"(value))

#endif
