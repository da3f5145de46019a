/* simd.h on 64-bit Arm. */
#include "simd/generic.h"

#if PL_REAL_BITS == 64
PL_INLINE vec v_set1(real x) { return (vec)vdupq_n_f64(x); }
PL_INLINE vec v_fma(vec a, vec b, vec c) {
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
PL_INLINE vec v_sqrt(vec x) { return (vec)vsqrtq_f64((float64x2_t)x); }
#else
PL_INLINE vec v_set1(real x) { return (vec)vdupq_n_f32(x); }
PL_INLINE vec v_fma(vec a, vec b, vec c) {
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PL_INLINE vec v_sqrt(vec x) { return (vec)vsqrtq_f32((float32x4_t)x); }
#endif
