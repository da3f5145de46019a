/* A square block of PL_LANES vectors, turned in registers. */
#ifndef PL_TRANSPOSE_H
#define PL_TRANSPOSE_H

#include "simd/simd.h"

#if PL_LANES_LOG2 == 4
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif PL_LANES_LOG2 == 3
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif PL_LANES_LOG2 == 2
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#else
#define LOW 0, 2
#define HIGH 1, 3
#endif

/* Interleaving row i with row i + PL_LANES / 2, log2(PL_LANES) times over, is the transposition. */
PL_INLINE void v_transpose(vec r[PL_LANES]) {
    vec t[PL_LANES];
#pragma GCC unroll 4
    for (int stage = 0; stage < PL_LANES_LOG2; stage++) {
#pragma GCC unroll 8
        for (int i = 0; i < PL_LANES / 2; i++) {
            t[2 * i] = __builtin_shufflevector(r[i], r[i + PL_LANES / 2], LOW);
            t[2 * i + 1] = __builtin_shufflevector(r[i], r[i + PL_LANES / 2], HIGH);
        }
#pragma GCC unroll 16
        for (int i = 0; i < PL_LANES; i++) r[i] = t[i];
    }
}

#undef LOW
#undef HIGH

#endif
