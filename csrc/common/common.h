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

#endif
