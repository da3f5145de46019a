/* exp, log, tanh, sigmoid, erf of a vector, and the activations made of them, by own polynomials.
 *
 * float: at most 2 ULP from the exact value and monotone (tools/ulp_all.py measures: exp 0.99, log
 * 0.84, tanh 1.30, sigmoid 1.47, erf 1.34); double: about the same. Without FMA (portable) sigmoid
 * has up to 2.3. NaN stays NaN, infinities give the limits, exp reaches subnormal numbers, log
 * accepts them. The activations keep few ULP down to subnormal results: elu 1.2, softplus 1.6, selu
 * and silu 3, mish 4.3, gelu 7.7 (without FMA x^2 / 2 half units more: its square is rounded).
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
static const real pl_erf_fit[] = {/* erf(x) / x - 1 in x^2, x <= 1; 0.12 */
    0.12837916709551256, -0.37612638903183454, 0.11283791670942445, -0.02686617064289998,
    0.0052239776046962465, -0.0008548325871012567, 0.00012055292044198403, -1.4924685915657802e-05,
    1.6446835612936994e-06, -1.6204230518596726e-07, 1.3702625402671014e-08,
    -7.764904456853559e-10};
#define PL_NORMAL_MIDDLE 5.5
/* (x + k) exp(x^2 / 2) CDF(-x) in (x - k) / (x + k), k = 5.5; 0.08 */
static const real pl_normal_fit[] = {
    0.7737696342764068, -0.6851834205743381, 0.5355964890624944, -0.36704906529361997,
    0.21787243285796912, -0.10970308995870004, 0.04509758081477277, -0.013923510566034055,
    0.002442982675226367, 0.00026960400403844547, -0.00032452265333903467, 7.14148356442142e-05,
    1.631997931469457e-05, -1.211885648810567e-05, 4.4637381635498136e-07, 1.4837989469651713e-06,
    -2.678339726180836e-07, -1.775465117895975e-07, 5.031926297921995e-08, 2.2936136108011462e-08,
    -5.683058199247709e-09, -2.590180117813736e-09};
#define PL_ERF_ONE 6.0
#define PL_MINUS_ONE (-38.0) /* exp(x) - 1 is -1 from here down */
#define PL_GATE_SHUT 760.0   /* x exp(-x) is 0 from here on */
#define PL_GAUSS_SHUT 39.0   /* exp(-x^2 / 2) is 0 from here on */
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
static const real pl_erf_fit[] = {/* 0.02 */
    0.12837917f,  -0.37612626f,   0.112835824f,  -0.026853643f,
    0.0051879627f, -0.0008006793f, 0.00007842288f};
#define PL_NORMAL_MIDDLE 4.25f
static const real pl_normal_fit[] = {/* k = 4.25; 0.09 */
    0.7595542f, -0.6251298f, 0.41822755f, -0.22051477f, 0.08527238f, -0.019369515f, -0.0007537859f,
    0.0021880304f, -0.00035812266f, -0.00023169219f};
#define PL_ERF_ONE 4.0f
#define PL_MINUS_ONE (-18.0f)
#define PL_GATE_SHUT 110.0f
#define PL_GAUSS_SHUT 15.0f
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

PL_INLINE vec v_minus_abs(vec x) {
    return v_from_bits(v_bits(x) | v_bits(v_set1((real)-0.0)));
}

/* x = n ln(2) + r, |r| <= ln(2)/2, for |x| < 2^11. */
typedef struct {
    vec n, r;
} exp_parts;
PL_INLINE exp_parts v_exp_parts(vec x) {
    const vec magic = v_set1(PL_ROUNDING);
    exp_parts e;
    e.n = v_fma(x, v_set1((real)1.4426950408889634074), magic) - magic;
    e.r = v_fma(e.n, v_set1(-PL_LN2_HIGH), x);
    e.r = v_fma(e.n, v_set1(-PL_LN2_LOW), e.r);
    return e;
}

/* exp(r) - 1 = r + r^2 q(r) */
PL_LONG vec v_exp_of_rest(vec r) { return v_fma(r * r, POLYNOMIAL(r, pl_exp_fit), r); }

PL_LONG vec v_exp(vec x) {
    const exp_parts e = v_exp_parts(v_min(v_set1(PL_EXP_HIGH), v_max(v_set1(PL_EXP_LOW), x)));
    return v_times_exp2(v_exp_of_rest(e.r) + v_set1(1), e.n);
}

/* exp(x) - 1 for x <= 0, accurate where x is small: 2^n (exp(r) - 1) + (2^n - 1). */
PL_INLINE vec v_expm1_negative(vec x) {
    const exp_parts e = v_exp_parts(v_max(v_set1(PL_MINUS_ONE), x));
    const vec scale = v_times_exp2(v_set1(1), e.n);
    const vec y = v_fma(scale, v_exp_of_rest(e.r), scale - v_set1(1));
    return v_from_bits(v_bits(y) | (v_bits(x) & v_bits(v_set1((real)-0.0)))); /* -0 stays -0 */
}

/* n ln(2) + log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2), with s = f / (2 + f) and
 * log(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + s^2 q(s^2)). */
PL_LONG vec v_log_parts(vec n, vec f) {
    const vec s = f / (f + v_set1(2)), z = s * s, half = v_set1((real)0.5) * f * f;
    const vec q = z * POLYNOMIAL(z, pl_log_fit);
    const vec low = v_fma(s, half + q, n * v_set1(PL_LN2_LOW));
    return v_fma(n, v_set1(PL_LN2_HIGH), f - (half - low));
}

PL_LONG vec v_log(vec x) {
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
PL_LONG vec v_log1p_unit(vec x) {
    const vmask large = v_gt(x, v_set1((real)0.41421356237309505));
    const vec f = v_select(large, v_set1((real)0.5) * (x - v_set1(1)), x);
    return v_log_parts(v_keep(large, v_set1(1)), f);
}

PL_LONG vec v_tanh(vec x) {
    const ivec sign = v_bits(x) & v_bits(v_set1((real)-0.0));
    const vec a = v_min(v_set1(PL_TANH_ONE), v_abs(x));
    const vec large = v_set1(1) - v_set1(2) / (v_exp(a + a) + v_set1(1));
    const vec z = a * a;
    const vec small = v_fma(POLYNOMIAL(z, pl_tanh_fit) * z, a, a);
    return v_from_bits(v_bits(v_select(v_lt(a, v_set1((real)0.625)), small, large)) | sign);
}

/* s = e / (1 + e) with e = exp(-|x|) <= 1, or 1 - s. What rounding takes from the sum (lost) and
 * from the quotient (left) is given back, so s is rounded once and rises where x does. */
PL_LONG vec v_sigmoid(vec x) {
    const vec one = v_set1(1), e = v_exp(v_minus_abs(x));
    const vec sum = one + e, lost = e - (sum - one), inverse = one / sum, q = e * inverse;
    const vec left = v_fma(v_zero() - q, lost, v_fma(v_zero() - q, sum, e));
    const vec s = v_fma(left, inverse, q);
    return v_select(v_lt(x, v_zero()), s, one - s);
}

/* ---- erf ------------------------------------------------------------------------------------ */

/* exp(x^2 / 2) CDF(-x) = g(t) / (x + k) for x >= 0, with the CDF of the normal distribution:
 * t = (x - k) / (x + k) maps the half line to [-1, 1], where g is smooth (Shepherd, Laframboise
 * 1981, do so for erfc). */
PL_LONG vec v_normal_ratio(vec x) {
    const vec r = v_set1(1) / (x + v_set1(PL_NORMAL_MIDDLE));
    const vec t = v_fma(v_set1(-2 * PL_NORMAL_MIDDLE), r, v_set1(1));
    return POLYNOMIAL(t, pl_normal_fit) * r;
}

/* exp(-factor x^2) in parts: what rounding takes from the square goes to r. */
PL_INLINE exp_parts v_gauss_parts(vec x, real factor) {
    const vec square = x * x, lost = v_fma(x, x, v_zero() - square), minus = v_set1(-factor);
    exp_parts e = v_exp_parts(square * minus);
    e.r = v_fma(lost, minus, e.r);
    return e;
}

/* Below 1 a polynomial; above 1 - 2 exp(-x^2) (exp(x^2) CDF(-sqrt(2) x)). */
PL_INLINE vec v_erf(vec x) {
    const ivec sign = v_bits(x) & v_bits(v_set1((real)-0.0));
    const vec a = v_abs(x), z = a * a, one = v_set1(1);
    const vec small = v_fma(POLYNOMIAL(z, pl_erf_fit), a, a);
    const vec b = v_min(v_set1(PL_ERF_ONE), a);
    const exp_parts e = v_gauss_parts(b, 1);
    const vec ratio = v_normal_ratio(v_set1((real)1.4142135623730950488) * b);
    const vec rest = v_times_exp2((v_exp_of_rest(e.r) + one) * ratio, e.n);
    const vec large = v_fma(v_set1(-2), rest, one);
    return v_from_bits(v_bits(v_select(v_lt(a, one), small, large)) | sign);
}

/* ---- activations ---------------------------------------------------------------------------- */

PL_INLINE vec v_softplus(vec x) {
    const vec e = v_exp(v_minus_abs(x));
    return v_max(v_zero(), x) + v_log1p_unit(e);
}

/* SiLU and GELU are x times a gate with gate(x) + gate(-x) = 1. So y(x) = x + y(-x), and with
 * a = |x| both sides follow from y(-a) and its slope: y(x) = max(x, 0) + y(-a), and the slope at x
 * is that at -a, or 1 minus it where x >= 0. Results are scaled by 2^n last, so that exp(-a) does
 * not underflow before x exp(-a) does; beyond the cut both are 0. */
PL_INLINE vec v_gated(vec x, vec y_below) { return v_max(v_zero(), x) + y_below; }
PL_INLINE vec v_gated_slope(vec x, vec slope_below) {
    return v_select(v_lt(x, v_zero()), slope_below, v_set1(1) - slope_below);
}

/* b e / (1 + e) with b = -a, e = exp(b) */
PL_INLINE vec v_silu(vec x) {
    const vec b = v_max(v_set1(-PL_GATE_SHUT), v_minus_abs(x)), one = v_set1(1);
    const exp_parts e = v_exp_parts(b);
    const vec m = v_exp_of_rest(e.r) + one;
    const vec y = b * m / (one + v_times_exp2(m, e.n));
    return v_gated(x, v_times_exp2(y, e.n));
}

/* s (1 + b (1 - s)) with s = e / (1 + e) */
PL_INLINE vec v_silu_slope(vec x) {
    const vec b = v_max(v_set1(-PL_GATE_SHUT), v_minus_abs(x)), one = v_set1(1);
    const vec e = v_exp(b), open = one / (one + e);
    return v_gated_slope(x, e * open * v_fma(b, open, one));
}

/* With b = -a: exp(-b^2 / 2) = m 2^n, CDF(b) = h m 2^n. */
typedef struct {
    vec b, m, n, h;
} normal_parts;
PL_INLINE normal_parts v_normal_parts(vec x) {
    normal_parts p;
    p.b = v_max(v_set1(-PL_GAUSS_SHUT), v_minus_abs(x));
    const exp_parts e = v_gauss_parts(p.b, (real)0.5);
    p.m = v_exp_of_rest(e.r) + v_set1(1);
    p.n = e.n;
    p.h = v_normal_ratio(v_abs(p.b));
    return p;
}

/* b CDF(b) */
PL_INLINE vec v_gelu(vec x) {
    const normal_parts p = v_normal_parts(x);
    return v_gated(x, v_times_exp2(p.b * (p.h * p.m), p.n));
}

/* CDF(b) + b density(b) */
PL_INLINE vec v_gelu_slope(vec x) {
    const normal_parts p = v_normal_parts(x);
    const vec slope = v_fma(v_set1((real)0.39894228040143267794), p.b, p.h);
    return v_gated_slope(x, v_times_exp2(slope * p.m, p.n));
}

/* x tanh(softplus(x)): with e = exp(-|x|) the tanh is e (e + 2) / (e^2 + 2 e + 2) for x < 0 and
 * (1 + 2 e) / (1 + 2 e + 2 e^2) for x >= 0. */
PL_INLINE vec v_mish(vec x) {
    const vmask below = v_lt(x, v_zero());
    const vec one = v_set1(1), two = v_set1(2);
    const exp_parts e = v_exp_parts(v_max(v_set1(-PL_GATE_SHUT), v_minus_abs(x)));
    const vec m = v_exp_of_rest(e.r) + one, power = v_times_exp2(m, e.n);
    const vec top = v_select(below, m * (power + two), v_fma(two, power, one));
    const vec bottom = v_select(below, v_fma(power, power + two, two),
                                v_fma(two * power, power + one, one));
    const vec y = v_max(v_set1(-PL_GATE_SHUT), x) * (top / bottom);
    return v_times_exp2(y, v_keep(below, e.n));
}

/* tanh + x sigmoid (1 - tanh^2) = (t b + 4 x (1 + e) f) / b^2, times e for x < 0, where t and b are
 * top and bottom of the tanh (without its e), f is 1 for x < 0 and e^2 for x >= 0. */
PL_INLINE vec v_mish_slope(vec x) {
    const vmask below = v_lt(x, v_zero());
    const vec one = v_set1(1), two = v_set1(2), cut = v_set1(PL_GATE_SHUT);
    const vec e = v_exp(v_max(v_zero() - cut, v_minus_abs(x)));
    const vec top = v_select(below, e + two, v_fma(two, e, one));
    const vec bottom = v_select(below, v_fma(e, e + two, two), v_fma(two * e, e + one, one));
    const vec inner = v_min(cut, v_max(v_zero() - cut, x)) * v_set1(4) * (one + e);
    const vec slope = v_fma(top, bottom, inner * v_select(below, one, e * e));
    return v_select(below, e, one) * slope / (bottom * bottom);
}

#endif
