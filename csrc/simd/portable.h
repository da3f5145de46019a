/* simd.h in plain C: 16-byte vectors that any compiler target can carry. No FMA: two roundings. */
#include "simd/generic.h"

PL_INLINE vec v_set1(real x) {
    vec v;
    for (int i = 0; i < PL_LANES; i++) v[i] = x;
    return v;
}
PL_INLINE vec v_fma(vec a, vec b, vec c) { return a * b + c; }
PL_INLINE vec v_sqrt(vec x) {
    for (int i = 0; i < PL_LANES; i++)
        x[i] = sizeof(real) == 8 ? (real)__builtin_sqrt((double)x[i])
                                 : (real)__builtin_sqrtf((float)x[i]);
    return x;
}
