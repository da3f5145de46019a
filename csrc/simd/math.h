/* exp, log, tanh and sigmoid of a vector, by own polynomials.
 *
 * float: at most 2 ULP from the exact value and monotone (tools/ulp_all.py measures: exp 0.99, log
 * 0.84, tanh 1.30, sigmoid 1.47); double: about the same. Without FMA (portable) sigmoid has up to
 * 2.3. NaN stays NaN, infinities give the limits, exp reaches subnormal numbers, log accepts them.
 * The bits are the same on every ISA with FMA: the same operations in the same order, and every
 * fused multiply-add is a v_fma.
 *
 * The coefficients are least-squares fits of the relative error at Chebyshev points, each one
 * rounded to the element type before the next was fitted; the comments give the error of the fit in
 * ULP. */
#ifndef PL_MATH_H
#define PL_MATH_H

#include "simd/simd.h"

#define PL_INFINITY ((real)__builtin_inf())

/* clang-format off */
#if PL_REAL_BITS == 64
#define PL_EXP_LOW (-746.0) /* below: 0 */
#define PL_EXP_HIGH 710.0   /* above: infinity */
#define PL_LN2_HIGH 0x1.62e42ffp-1 /* times any exponent: exact */
#define PL_LN2_LOW (-4.2009150726810847e-11)
#define PL_SQRT_HALF 0x3fe6a09e667f3bcdLL
#define PL_MIN_NORMAL 0x1p-1022
#define PL_MANTISSA 0x1p52
#define PL_TANH_ONE 20.0
static const real pl_exp_fit[] = {/* (exp(r) - 1 - r) / r^2, |r| <= ln(2)/2; 0.04 */
    0x1.000000000000bp-1,  0x1.555555555550fp-3,  0x1.55555555502a0p-5,  0x1.1111111122b4ap-7,
    0x1.6c16c1852c01cp-10, 0x1.a01a014498ae6p-13, 0x1.a01997c656a0fp-16, 0x1.71deec62e8918p-19,
    0x1.28af42a60c9fap-22, 0x1.add773f1864b3p-26};
static const real pl_log_fit[] = {/* (2 atanh(s) / s - 2) / s^2 in s^2, |s| <= 0.1716; 0.02 */
    0.66666666666667251, 0.39999999999469604, 0.28571428731165877, 0.22222199648077134,
    0.18183511633502872, 0.15315331656911782, 0.14783700089309612};
static const real pl_tanh_fit[] = {/* (tanh(x) / x - 1) / x^2 in x^2, x <= 0.625; 0.1 */
    -0.33333333333332932,   0.13333333333270303,    -0.05396825393444428, 0.021869487638423116,
    -0.0088632217166667634, 0.0035919942909872207,  -0.0014549825193910855, 0.00058638695478948125,
    -0.00022869485144498092, 7.7281717677956337e-5, -1.6135078717699711e-5};
#else
#define PL_EXP_LOW (-104.0f)
#define PL_EXP_HIGH 89.0f
#define PL_LN2_HIGH 0.693359375f
#define PL_LN2_LOW (-2.12194440e-4f)
#define PL_SQRT_HALF 0x3f3504f3
#define PL_MIN_NORMAL 0x1p-126f
#define PL_MANTISSA 0x1p23f
#define PL_TANH_ONE 10.0f
static const real pl_exp_fit[] = {/* 0.06 */
    0x1.fffff8p-2f, 0x1.55548ep-3f, 0x1.555b96p-5f, 0x1.123bdp-7f, 0x1.685352p-10f};
static const real pl_log_fit[] = {/* 0.02 */
    0.66666769981384277f, 0.3997819721698761f, 0.29856392741203308f};
static const real pl_tanh_fit[] = {/* 0.08 */
    -0.33333286643028259f, 0.13331542909145355f, -0.053746771067380905f, 0.020659120753407478f,
    -0.0057249353267252445f};
#endif
/* clang-format on */

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1); n is a constant in every use. */
PL_INLINE vec v_polynomial(vec x, const real *c, const int n) {
    vec p = v_set1(c[n - 1]);
#pragma GCC unroll 16
    for (int i = n - 2; i >= 0; i--) p = v_fma(p, x, v_set1(c[i]));
    return p;
}
#define POLYNOMIAL(x, fit) v_polynomial(x, fit, (int)(sizeof fit / sizeof fit[0]))

/* x = n ln(2) + r, |r| <= ln(2)/2;  exp(x) = 2^n (1 + r + r^2 q(r)). */
PL_INLINE vec v_exp(vec x) {
    x = v_min(v_set1(PL_EXP_HIGH), v_max(v_set1(PL_EXP_LOW), x));
    const vec magic = v_set1(PL_ROUNDING);
    const vec n = v_fma(x, v_set1((real)1.4426950408889634074), magic) - magic;
    vec r = v_fma(n, v_set1(-PL_LN2_HIGH), x);
    r = v_fma(n, v_set1(-PL_LN2_LOW), r);
    const vec p = v_fma(r * r, POLYNOMIAL(r, pl_exp_fit), r);
    return v_times_exp2(p + v_set1(1), n);
}

/* n ln(2) + log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2), with s = f / (2 + f) and
 * log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + s^2 q(s^2)). */
PL_INLINE vec v_log_parts(vec n, vec f) {
    const vec s = f / (f + v_set1(2)), z = s * s, half = v_set1((real)0.5) * f * f;
    const vec q = z * POLYNOMIAL(z, pl_log_fit);
    const vec low = v_fma(s, half + q, n * v_set1(PL_LN2_LOW));
    return v_fma(n, v_set1(PL_LN2_HIGH), f - (half - low));
}

PL_INLINE vec v_log(vec x) {
    const vmask tiny = v_lt(x, v_set1(PL_MIN_NORMAL));
    const ivec b = v_bits(v_select(tiny, x * v_set1(PL_MANTISSA), x));
    const ivec k = (b - i_set1(PL_SQRT_HALF)) >> PL_EXPONENT_SHIFT;
    const vec m = v_from_bits(b - (k << PL_EXPONENT_SHIFT));
    const vec n = v_from_whole(k) - v_keep(tiny, v_set1(PL_EXPONENT_SHIFT));
    vec y = v_log_parts(n, m - v_set1(1));
    y = v_select(v_lt(x, v_set1(PL_INFINITY)), y, x);
    y = v_select(v_lt(x, v_zero()), v_set1((real)__builtin_nan("")), y);
    return v_select(v_eq(x, v_zero()), v_set1(-PL_INFINITY), y);
}

/* log(1 + x) for 0 <= x <= 1, accurate where x is small. */
PL_INLINE vec v_log1p_unit(vec x) {
    const vmask large = v_gt(x, v_set1((real)0.41421356237309505));
    const vec f = v_select(large, v_set1((real)0.5) * (x - v_set1(1)), x);
    return v_log_parts(v_keep(large, v_set1(1)), f);
}

PL_INLINE vec v_tanh(vec x) {
    const ivec sign = v_bits(x) & v_bits(v_set1((real)-0.0));
    const vec a = v_min(v_set1(PL_TANH_ONE), v_abs(x));
    const vec large = v_set1(1) - v_set1(2) / (v_exp(a + a) + v_set1(1));
    const vec z = a * a;
    const vec small = v_fma(POLYNOMIAL(z, pl_tanh_fit) * z, a, a);
    return v_from_bits(v_bits(v_select(v_lt(a, v_set1((real)0.625)), small, large)) | sign);
}

/* s = e / (1 + e) with e = exp(-|x|) <= 1, or 1 - s. What rounding takes from the sum (lost) and
 * from the quotient (left) is given back, so s is rounded once and rises where x does. */
PL_INLINE vec v_sigmoid(vec x) {
    const vec one = v_set1(1), e = v_exp(v_from_bits(v_bits(x) | v_bits(v_set1((real)-0.0))));
    const vec sum = one + e, lost = e - (sum - one), inverse = one / sum, q = e * inverse;
    const vec left = v_fma(v_zero() - q, lost, v_fma(v_zero() - q, sum, e));
    const vec s = v_fma(left, inverse, q);
    return v_select(v_lt(x, v_zero()), s, one - s);
}

#endif
