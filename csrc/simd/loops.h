/* Loops over arrays with a tail, and the two row passes that softmax and its loss share. */
#ifndef PL_LOOPS_H
#define PL_LOOPS_H

#include "simd/math.h"

/* Runs the statement for i = 0, LANES, 2 LANES ... below n; `left` is LANES, or what the tail has.
 * The compiler knows in each copy which of the two it is. */
#define WHOLE_VECTOR(...)                    \
    do {                                     \
        const ptrdiff_t left = PL_LANES;     \
        __VA_ARGS__;                         \
    } while (0)
#define PART_OF_VECTOR(n, ...)                             \
    do {                                                   \
        const ptrdiff_t left = (n) - i;                    \
        if (left >= PL_LANES) __builtin_unreachable();     \
        __VA_ARGS__;                                       \
    } while (0)
#define EACH_VECTOR(n, ...)                                                         \
    do {                                                                            \
        ptrdiff_t i = 0;                                                            \
        for (; i + PL_LANES <= (n); i += PL_LANES) WHOLE_VECTOR(__VA_ARGS__);       \
        if (i < (n)) PART_OF_VECTOR(n, __VA_ARGS__);                                \
    } while (0)
/* The same with one copy of the statement: for long ones, which hide the test for the tail. */
#define EACH_VECTOR_ONCE(n, ...)                           \
    for (ptrdiff_t i = 0; i < (n); i += PL_LANES) {        \
        const ptrdiff_t left = (n) - i;                    \
        __VA_ARGS__;                                       \
    }

/* The same with `part`, the vector of an acc16 that takes these lanes: element i goes to i % 16.
 * The parts are written out: sums that a loop indexes would live in memory. */
#define ONE_PART(number, ...)       \
    {                               \
        const int part = number;    \
        __VA_ARGS__;                \
        i += PL_LANES;              \
    }
#define TWO_PARTS(number, ...) ONE_PART(number, __VA_ARGS__) ONE_PART(number + 1, __VA_ARGS__)
#define FOUR_PARTS(number, ...) TWO_PARTS(number, __VA_ARGS__) TWO_PARTS(number + 2, __VA_ARGS__)
#if PL_VECTOR_BYTES == 2 * PL_REAL_BITS
#define EACH_PART(...) ONE_PART(0, __VA_ARGS__)
#elif PL_VECTOR_BYTES == PL_REAL_BITS
#define EACH_PART(...) TWO_PARTS(0, __VA_ARGS__)
#elif 2 * PL_VECTOR_BYTES == PL_REAL_BITS
#define EACH_PART(...) FOUR_PARTS(0, __VA_ARGS__)
#else
#define EACH_PART(...) FOUR_PARTS(0, __VA_ARGS__) FOUR_PARTS(4, __VA_ARGS__)
#endif
#define EACH_SIXTEEN(n, ...)                                                \
    do {                                                                    \
        ptrdiff_t i = 0;                                                    \
        while (i + 16 <= (n)) {                                             \
            EACH_PART(WHOLE_VECTOR(__VA_ARGS__))                            \
        }                                                                   \
        EACH_PART(if (i + PL_LANES <= (n)) WHOLE_VECTOR(__VA_ARGS__);       \
                  else if (i < (n)) PART_OF_VECTOR(n, __VA_ARGS__))         \
    } while (0)

/* The largest of k > 0 numbers; NaN is passed over. */
PL_INLINE real row_maximum(const real *x, ptrdiff_t k) {
    const vec lowest = v_set1(-PL_INFINITY);
    vec highest = lowest;
    EACH_VECTOR(k, highest = v_max(v_load_fill(x + i, left, lowest), highest));
    return v_highest(highest);
}

/* y[j] = exp(x[j] - maximum); returns their sum. A row with NaN or infinity sums to NaN. (Lanes
 * beyond the row are cleared, not filled with -infinity: exp underflows slowly.) In the shadow of
 * exp the next row comes from memory, and *maximum becomes the largest of its numbers, and the row
 * `last`, if not NULL, is multiplied by `factor`. */
PL_INLINE real row_exponentials(const real *x, real *maximum, real *y, ptrdiff_t k,
                                const real *next, real *last, real factor) {
    const vec shift = v_set1(*maximum), lowest = v_set1(-PL_INFINITY), factors = v_set1(factor);
    vec highest = lowest;
    acc16 sum = acc_zero();
    EACH_SIXTEEN(k, {
        if (last) v_store_n(last + i, v_load_n(last + i, left) * factors, left);
        highest = v_max(v_load_fill(next + i, left, lowest), highest);
        vec e = v_exp_negative(v_load_fill(x + i, left, shift) - shift);
        if (left < PL_LANES) e = v_keep(m_first(left), e);
        v_store_n(y + i, e, left);
        sum.part[part] = sum.part[part] + e;
    });
    *maximum = v_highest(highest);
    return acc_sum(sum);
}

#endif
