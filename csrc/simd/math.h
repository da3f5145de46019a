/* exp, log, tanh, sigmoid, erf of a vector, and the activations made of them, by own polynomials.
 *
 * float: at most 2 ULP from the exact value and monotone, but for erf, which falls by a unit at 43
 * numbers of each sign (tools/ulp_all.py measures: exp 1.01, log 0.84, tanh 1.95, sigmoid 1.67, erf
 * 0.93); double: about the same. NaN stays NaN, infinities give the limits, exp reaches subnormal
 * numbers, log accepts them. The activations keep few ULP down to subnormal results: elu 1,
 * softplus 2, silu 2.5, selu 3, mish 4.7, gelu 7.2 (without FMA x^2 / 2 half units more: its square
 * is rounded).
 * The bits are the same on every ISA with FMA: the same operations in the same order, and every
 * fused multiply-add is a v_fma.
 *
 * The coefficients are least-squares fits of the relative error at Chebyshev points, each one
 * rounded to the element type before the next was fitted; the comments give the error of the fit in
 * ULP. */
#ifndef PL_MATH_H
#define PL_MATH_H

#include "simd/simd.h"

#define PL_LOG2_E ((real)1.4426950408889634074)
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
#define PL_GATE_OPEN 40.0 /* exp(-x) is nothing beside 1 from here on */
static const real pl_exp_fit[] = {/* (exp(r) - 1 - r) / r^2, |r| <= ln(2)/2; 0.04 */
    0x1.000000000000bp-1,  0x1.555555555550fp-3,  0x1.55555555502a0p-5,  0x1.1111111122b4ap-7,
    0x1.6c16c1852c01cp-10, 0x1.a01a014498ae6p-13, 0x1.a01997c656a0fp-16, 0x1.71deec62e8918p-19,
    0x1.28af42a60c9fap-22, 0x1.add773f1864b3p-26};
static const real pl_log_fit[] = {/* (2 atanh(s) / s - 2) / s^2 in s^2, |s| <= 0.1716; 0.02 */
    0.66666666666667251, 0.39999999999469604, 0.28571428731165877, 0.22222199648077134,
    0.18183511633502872, 0.15315331656911782, 0.14783700089309612};
static const real pl_atanh_fit[] = {/* (atanh(s) / s - 1) / s^2 in s^2, s <= 1/3; 0.03 */
    0.33333333333333154, 0.20000000000077567, 0.14285714274086314, 0.11111111974013511,
    0.09090872364338679, 0.07693271164142511, 0.06650603894411883, 0.060521119333409215,
    0.04174118208580763, 0.08501777};
static const real pl_erf_fit[] = {/* erf(x) / x - 1 in x^2, x <= 1; 0.12 */
    0.12837916709551256, -0.37612638903183454, 0.11283791670942445, -0.02686617064289998,
    0.0052239776046962465, -0.0008548325871012567, 0.00012055292044198403, -1.4924685915657802e-05,
    1.6446835612936994e-06, -1.6204230518596726e-07, 1.3702625402671014e-08,
    -7.764904456853559e-10};
/* exp(x^2 / 2) CDF(-x) = top / bottom, 0 <= x <= 39; 0.2 */
static const real pl_normal_top[] = {
    0.5,
    0.8279362725710799,
    0.679627647661421,
    0.35735973851045744,
    0.1320536862146799,
    0.03567041660685449,
    0.007123520293321113,
    0.0010398275880626612,
    0.00010658604449075126,
    6.976965204135133e-06,
    2.242195019295478e-07};
static const real pl_normal_bottom[] = {
    1.0,
    2.4537571059450256,
    2.8170702061166906,
    2.0014992684743915,
    0.9801426044087025,
    0.34833679095326464,
    0.09198395904338309,
    0.018122064896030823,
    0.002623949891435253,
    0.00026773362774169075,
    1.748865825183161e-05,
    5.620349432601563e-07};
static const real pl_half_fit[] = {/* (r coth(r / 4) - 4) / r^2 in r^2, |r| <= ln(2); 0.001 */
    0.08333333333333275, -0.000347222222208274, 2.0667988258575837e-06, -1.2917055125205055e-08,
    8.077806329370852e-11};
#define PL_ERF_ONE 6.0
#define PL_LIFT 0x1p88 /* the unit of a quotient's top and bottom: see v_exp2 */
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
#define PL_GATE_OPEN 20.0f
static const real pl_exp_fit[] = {/* 0.06 */
    0x1.fffff8p-2f, 0x1.55548ep-3f, 0x1.555b96p-5f, 0x1.123bdp-7f, 0x1.685352p-10f};
static const real pl_log_fit[] = {/* 0.02 */
    0.66666769981384277f, 0.3997819721698761f, 0.29856392741203308f};
static const real pl_atanh_fit[] = {/* 0.04 */
    0.33333206f, 0.20010841f, 0.1399996f, 0.14009649f};
static const real pl_erf_fit[] = {/* 0.02 */
    0.12837917f,  -0.37612626f,   0.112835824f,  -0.026853643f,
    0.0051879627f, -0.0008006793f, 0.00007842288f};
static const real pl_normal_top[] = {/* x <= 15; 0.3 */
    0.5f, 0.43928695f, 0.18397033f, 0.040881097f, 0.004153091f};
static const real pl_normal_bottom[] = {
    1.0f, 1.676459f, 1.2055563f, 0.47141144f, 0.10247983f, 0.010410144f};
static const real pl_half_fit[] = {/* 0.005 */
    0.083333082f, -0.00034573374f};
#define PL_ERF_ONE 4.0f
#define PL_LIFT 0x1p40f
#define PL_MINUS_ONE (-18.0f)
#define PL_GATE_SHUT 110.0f
#define PL_GAUSS_SHUT 15.0f
#endif
/* clang-format on */

/* unit (c[0] + c[1] x + ... + c[n - 1] x^(n - 1)); n and unit are constants in every use. In pairs
 * of terms the chain is half as long as in single ones: it is latency that these functions wait
 * for. */
PL_INLINE vec v_polynomial(vec x, const real *c, const int n, const real unit) {
    const vec square = x * x;
    vec p = v_set1(c[n - 1] * unit);
    int i = n - 1;
    if (n % 2 == 0) p = v_fma(p, x, v_set1(c[--i] * unit));
#pragma GCC unroll 16
    for (i -= 2; i >= 0; i -= 2)
        p = v_fma(p, square, v_fma(v_set1(c[i + 1] * unit), x, v_set1(c[i] * unit)));
    return p;
}
#define IN_UNITS(unit, x, fit) v_polynomial(x, fit, (int)(sizeof fit / sizeof fit[0]), unit)
#define POLYNOMIAL(x, fit) IN_UNITS(1, x, fit)
#define LIFTED(x, fit) IN_UNITS(PL_LIFT, x, fit)

PL_INLINE vec v_minus_abs(vec x) {
    return v_from_bits(v_bits(x) | v_bits(v_set1((real)-0.0)));
}

/* x = n ln(2) + r, |r| <= ln(2)/2, for |x| < 2^11; sum holds n in its low bits. */
typedef struct {
    vec sum, n, r;
} exp_parts;
PL_INLINE exp_parts v_exp_round(vec x, real factor) {
    exp_parts e;
    e.sum = v_fma(x, v_set1(factor), v_set1(PL_ROUNDING));
    e.n = e.sum - v_set1(PL_ROUNDING);
    return e;
}
PL_INLINE exp_parts v_exp_parts(vec x) {
    exp_parts e = v_exp_round(x, PL_LOG2_E);
    e.r = v_fma(e.n, v_set1(-PL_LN2_HIGH), x);
    e.r = v_fma(e.n, v_set1(-PL_LN2_LOW), e.r);
    return e;
}

/* x - n factor ln(2). Where n is small, what float loses of ln(2) does not matter; without FMA the
 * product must be exact. */
PL_INLINE vec v_less_ln2(vec x, vec n, real factor) {
#if PL_HAS_FMA && PL_REAL_BITS == 32
    return v_fma(n, v_set1(-factor * (real)0.69314718055994530942), x);
#else
    return v_fma(n, v_set1(-factor * PL_LN2_LOW), v_fma(n, v_set1(-factor * PL_LN2_HIGH), x));
#endif
}

/* unit 2^n. With a quotient's top and bottom lifted by PL_LIFT, 2^n is a normal number down to
 * where the quotient is 0, and the quotient is rounded once, be it subnormal. */
PL_INLINE vec v_exp2(vec sum, real unit) {
    return v_from_bits((v_bits(sum) << PL_EXPONENT_SHIFT) + v_bits(v_set1(unit)));
}

/* exp(r) - 1 = r + r^2 q(r) */
PL_LONG vec v_exp_of_rest(vec r) { return v_fma(r * r, POLYNOMIAL(r, pl_exp_fit), r); }

PL_LONG vec v_exp(vec x) {
    const exp_parts e = v_exp_parts(v_min(v_set1(PL_EXP_HIGH), v_max(v_set1(PL_EXP_LOW), x)));
    return v_times_exp2(v_exp_of_rest(e.r) + v_set1(1), e.n);
}

/* exp(x) for PL_EXP_LOW <= x <= PL_GATE_OPEN, rounded once more where it is subnormal. */
PL_INLINE vec v_exp_below(vec x) {
    const exp_parts e = v_exp_parts(x);
    const vec rest = v_exp_of_rest(e.r);
#ifdef PL_ISA_AVX512
    return V(scalef)(rest + v_set1(1), e.n);
#else
    const vec scale = v_exp2(e.sum, PL_LIFT);
    return v_fma(scale, rest, scale) * v_set1(1 / PL_LIFT);
#endif
}

/* exp(x) for x <= 0 */
PL_LONG vec v_exp_negative(vec x) { return v_exp_below(v_max(v_set1(PL_EXP_LOW), x)); }

/* exp(x) - 1 for x <= 0, accurate where x is small: 2^n (exp(r) - 1) + (2^n - 1). Anything for
 * x > 0; of -0 it makes 0. */
PL_LONG vec v_expm1_negative(vec x) {
    const vec low = v_max(v_set1(PL_MINUS_ONE), x);
    const exp_parts e = v_exp_round(low, PL_LOG2_E);
    const vec rest = v_exp_of_rest(v_less_ln2(low, e.n, 1)), scale = v_exp2(e.sum, 1);
    return v_fma(scale, rest, scale - v_set1(1));
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

/* (1 - e) / (1 + e) with e = exp(-2 |x|) */
PL_LONG vec v_tanh(vec x) {
    const vec b = v_max(v_set1(PL_MINUS_ONE), v_minus_abs(x)), y = b + b, one = v_set1(1);
    const exp_parts e = v_exp_round(y, PL_LOG2_E);
    const vec rest = v_exp_of_rest(v_less_ln2(y, e.n, 1)), scale = v_exp2(e.sum, 1);
    const vec size = v_fma(-scale, rest, one - scale) / v_fma(scale, rest, one + scale);
    return v_from_bits(v_bits(size) | (v_bits(x) & v_bits(v_set1((real)-0.0))));
}

/* ---- erf ------------------------------------------------------------------------------------ */

/* exp(-a b / 2) = 2^n exp(-r / 2), where a b is a square; what rounding takes from it goes to r. */
PL_INLINE exp_parts v_gauss_parts(vec a, vec b) {
    const vec square = a * b, lost = v_fma(a, b, -square);
    exp_parts e = v_exp_round(square, -PL_LOG2_E / 2);
    e.r = v_less_ln2(square, e.n, -2) + lost;
    return e;
}

/* Below 1 a polynomial; above 1 - 2 exp(-x^2) (exp(x^2) CDF(-sqrt(2) x)). */
PL_INLINE vec v_erf(vec x) {
    const ivec sign = v_bits(x) & v_bits(v_set1((real)-0.0));
    const vec a = v_abs(x), z = a * a, one = v_set1(1);
    const vec small = v_fma(POLYNOMIAL(z, pl_erf_fit), a, a);
    const vec b = v_min(v_set1(PL_ERF_ONE), a), w = v_set1((real)1.4142135623730950488) * b;
    const exp_parts e = v_gauss_parts(b, b + b);
    const vec ratio = POLYNOMIAL(w, pl_normal_top) / POLYNOMIAL(w, pl_normal_bottom);
    const vec rest = v_fma(v_exp_of_rest(v_set1((real)-0.5) * e.r), ratio, ratio);
    const vec large = v_fma(v_set1(-2), rest * v_exp2(e.sum, 1), one);
    return v_from_bits(v_bits(v_select(v_lt(a, one), small, large)) | sign);
}

/* ---- activations ---------------------------------------------------------------------------- */

/* sigmoid(x) = top / bottom with top = 2^n and bottom = 2^n + exp(-r), where x = n ln(2) + r,
 * x <= PL_GATE_OPEN: the sum is rounded once. */
typedef struct {
    vec sum, rest, top, bottom;
} gate;
PL_INLINE gate v_gate(vec x) {
    const vec lift = v_set1(PL_LIFT);
    const exp_parts e = v_exp_round(x, PL_LOG2_E);
    gate g = {.sum = e.sum, .top = v_exp2(e.sum, PL_LIFT)};
    g.rest = v_exp_of_rest(v_fma(e.n, v_set1(PL_LN2_LOW), v_fma(e.n, v_set1(PL_LN2_HIGH), -x)));
    g.bottom = v_fma(lift, g.rest, g.top + lift);
    return g;
}

/* Where 2^n is half a unit of 1 it would be lost, and the error reach 2.3 ULP. */
PL_LONG vec v_sigmoid(vec x) {
    gate g = v_gate(v_min(v_set1(PL_GATE_OPEN), v_max(v_set1(PL_EXP_LOW), x)));
    const vmask small = v_lt(g.sum, v_set1(PL_ROUNDING - PL_EXPONENT_SHIFT));
    if (m_to_bits(small) != 0) {
        const vec lift = v_set1(PL_LIFT);
        g.bottom = v_select(small, lift + v_fma(lift, g.rest, g.top), g.bottom);
    }
    return g.top / g.bottom;
}

/* y was made of x held within; above PL_GATE_OPEN it is x. -0 stays -0. */
PL_INLINE vec v_and_above(vec y, vec x) {
    return y + v_max(v_set1((real)-0.0), x - v_set1(PL_GATE_OPEN));
}
PL_INLINE vec v_within(vec x) {
    return v_min(v_set1(PL_GATE_OPEN), v_max(v_set1(-PL_GATE_SHUT), x));
}

PL_INLINE vec v_silu(vec x) {
    const vec within = v_within(x);
    const gate g = v_gate(within);
    return v_and_above(within * g.top / g.bottom, x);
}

/* s (1 + x (1 - s)) */
PL_INLINE vec v_silu_slope(vec x) {
    const vec within = v_within(x), one = v_set1(1);
    const gate g = v_gate(within);
    const vec s = g.top / g.bottom;
    return s * v_fma(within, one - s, one);
}

/* max(x, 0) + log(1 + e) for e = exp(-|x|), with s = e / (2 + e) and
 * log(1 + e) = 2 atanh(s) = e - s (e - 2 (atanh(s) / s - 1)). */
PL_INLINE vec v_softplus(vec x, vec e) {
    const vec s = e / (e + v_set1(2)), z = s * s;
    const vec rest = v_fma(-z, IN_UNITS(2, z, pl_atanh_fit), e);
    return v_max(v_zero(), x) + v_fma(-s, rest, e);
}

/* exp(-y / 2) = scale top / bottom, lifted, where y = r - 2 n ln(2):
 * exp(-r / 2) = (c - r) / (c + r) with c = r coth(r / 4). */
typedef struct {
    vec scale, top, bottom;
} fraction;
PL_INLINE fraction v_exp_fraction(exp_parts e) {
    const vec z = e.r * e.r, c = v_fma(z, POLYNOMIAL(z, pl_half_fit), v_set1(4));
    return (fraction){v_exp2(e.sum, PL_LIFT), c - e.r, c + e.r};
}

/* max(x, 0) - a CDF(-a) with a = |x| */
PL_INLINE vec v_gelu(vec x) {
    const vec a = v_min(v_set1(PL_GAUSS_SHUT), v_abs(x));
    const fraction f = v_exp_fraction(v_gauss_parts(a, a));
    const vec top = f.top * POLYNOMIAL(a, pl_normal_top) * (a * f.scale);
    const vec bottom = f.bottom * LIFTED(a, pl_normal_bottom);
    return v_max(v_zero(), x) - top / bottom;
}

/* CDF(-a) - a density(a), or 1 minus it where x >= 0 */
PL_INLINE vec v_gelu_slope(vec x) {
    const vec a = v_min(v_set1(PL_GAUSS_SHUT), v_abs(x));
    const fraction f = v_exp_fraction(v_gauss_parts(a, a));
    const vec bottom = LIFTED(a, pl_normal_bottom);
    const vec minus_density = v_set1((real)-0.39894228040143267794 / PL_LIFT) * a;
    const vec top = v_fma(minus_density, bottom, POLYNOMIAL(a, pl_normal_top));
    const vec slope = f.top * top * f.scale / (f.bottom * bottom);
    return v_select(v_lt(x, v_zero()), slope, v_set1(1) - slope);
}

/* x tanh(softplus(x)) = x w (w + 2) / (w (w + 2) + 2) with w = exp(x) */
PL_INLINE vec v_mish(vec x) {
    const vec within = v_within(x);
    const exp_parts e = v_exp_parts(within);
    const vec scale = v_exp2(e.sum, PL_LIFT), w = v_fma(scale, v_exp_of_rest(e.r), scale);
    const vec v = v_fma(w, v_set1(1 / PL_LIFT), v_set1(2));
    return v_and_above(within * w * v / v_fma(w, v, v_set1(2 * PL_LIFT)), x);
}

/* tanh + x sigmoid (1 - tanh^2) = w ((w + 2) b + 4 x (1 + w)) / b^2, b = w (w + 2) + 2 */
PL_INLINE vec v_mish_slope(vec x) {
    const vec within = v_within(x), two = v_set1(2);
    const vec w = v_exp_below(within), v = w + two;
    const vec b = v_fma(w, v, two), inner = within * v_fma(v_set1(4), w, v_set1(4));
    return w * v_fma(v, b, inner) / (b * b);
}

#endif
