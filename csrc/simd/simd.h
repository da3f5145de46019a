/* One vector vocabulary for all instruction sets.
 *
 * A leaf file (csrc/<op>/<op>_simd.c) is compiled once per ISA and element type, with
 * -DPL_ISA_<NAME> and -DPL_REAL_BITS=32 or 64, and is written in these words:
 *
 *     real            float or double             bits          int32_t or int64_t
 *     vec             PL_LANES reals              ivec          PL_LANES bits
 *     vmask           the result of a comparison
 *     acc16           sixteen partial sums, the same on every ISA
 *     PL_KERNEL(x)    pl_f32_x__avx512 and so on: every external symbol of a leaf
 *
 * Arithmetic on vec and ivec is written with + - * / & | ^ << >>; a fused multiply-add happens only
 * where v_fma stands. The portable ISA has no FMA and rounds twice. */
#ifndef PL_SIMD_H
#define PL_SIMD_H

#include <string.h>

#include "common/common.h"

#if PL_REAL_BITS == 64
typedef double real;
typedef int64_t bits;
#define PL_DTYPE_NAME f64
#define PL_DTYPE PL_F64
#define PL_EXPONENT_SHIFT 52
#define PL_EXPONENT_BIAS 1023
#define PL_ROUNDING 0x1.8p52
#else
typedef float real;
typedef int32_t bits;
#define PL_DTYPE_NAME f32
#define PL_DTYPE PL_F32
#define PL_EXPONENT_SHIFT 23
#define PL_EXPONENT_BIAS 127
#define PL_ROUNDING 0x1.8p23f
#endif

#if defined(PL_ISA_AVX512)
#include <immintrin.h>
#define PL_ISA_NAME avx512
#define PL_VECTOR_BYTES 64
#define PL_REGISTERS 32
#elif defined(PL_ISA_AVX2)
#include <immintrin.h>
#define PL_ISA_NAME avx2
#define PL_VECTOR_BYTES 32
#define PL_REGISTERS 16
#elif defined(PL_ISA_NEON)
#include <arm_neon.h>
#define PL_ISA_NAME neon
#define PL_VECTOR_BYTES 16
#define PL_REGISTERS 32
#else
#define PL_ISA_NAME portable
#define PL_VECTOR_BYTES 16
#define PL_REGISTERS 16
#endif

/* Long functions that many loops use: the portable copy, not built for speed, calls them. */
#if defined(PL_ISA_AVX512) || defined(PL_ISA_AVX2) || defined(PL_ISA_NEON)
#define PL_LONG PL_INLINE
#define PL_HAS_FMA 1
#else
#define PL_LONG static __attribute__((noinline, unused))
#define PL_HAS_FMA 0
#endif

#define PL_PASTE_(dtype, name, isa) pl_##dtype##_##name##__##isa
#define PL_PASTE(dtype, name, isa) PL_PASTE_(dtype, name, isa)
#define PL_KERNEL(name) PL_PASTE(PL_DTYPE_NAME, name, PL_ISA_NAME)

enum { PL_LANES = PL_VECTOR_BYTES / (int)sizeof(real) };
#if PL_VECTOR_BYTES * 8 / PL_REAL_BITS == 16
#define PL_LANES_LOG2 4
#elif PL_VECTOR_BYTES * 8 / PL_REAL_BITS == 8
#define PL_LANES_LOG2 3
#elif PL_VECTOR_BYTES * 8 / PL_REAL_BITS == 4
#define PL_LANES_LOG2 2
#else
#define PL_LANES_LOG2 1
#endif

typedef real vec __attribute__((vector_size(PL_VECTOR_BYTES)));
typedef bits ivec __attribute__((vector_size(PL_VECTOR_BYTES)));
typedef real vec_anywhere __attribute__((vector_size(PL_VECTOR_BYTES), aligned(4), may_alias));

PL_INLINE vec v_load(const real *p) { return *(const vec_anywhere *)p; }
PL_INLINE void v_store(real *p, vec x) { *(vec_anywhere *)p = x; }
PL_INLINE vec v_zero(void) { return (vec){0}; }
PL_INLINE ivec v_bits(vec x) { return (ivec)x; }
PL_INLINE vec v_from_bits(ivec x) { return (vec)x; }
PL_INLINE ivec i_set1(bits x) { return (ivec){0} + x; }

#define PL_JOIN_(a, b, c) a##b##c
#define PL_JOIN(a, b, c) PL_JOIN_(a, b, c)

#if PL_REAL_BITS == 64
#define PL_X86_TYPE pd
#else
#define PL_X86_TYPE ps
#endif

#if defined(PL_ISA_AVX512)
#include "simd/avx512.h"
#elif defined(PL_ISA_AVX2)
#include "simd/avx2.h"
#elif defined(PL_ISA_NEON)
#include "simd/neon.h"
#else
#include "simd/portable.h"
#endif

/* The first n lanes, 0 < n <= PL_LANES; the other lanes are 0 and their memory is not touched. */
PL_INLINE vec v_load_n(const real *p, ptrdiff_t n) {
    return n >= PL_LANES ? v_load(p) : v_load_part(p, n);
}
PL_INLINE void v_store_n(real *p, vec x, ptrdiff_t n) {
    if (n >= PL_LANES)
        v_store(p, x);
    else
        v_store_part(p, x, n);
}

/* Row after row of `v` vectors with n elements, v a constant, n > (v - 1) * PL_LANES. Where masks are dear
 * the last vector ends with element n and lies over its neighbour, whose lanes it repeats; a vector
 * that has no neighbour is masked. */
#ifdef PL_ISA_AVX512
#define PL_OVERLAPS(v) 0
#else
#define PL_OVERLAPS(v) ((v) > 1)
#endif
typedef struct {
    ptrdiff_t place;
    vtail tail;
} vlast;
PL_INLINE vlast last_of(const int v, ptrdiff_t n) {
    return (vlast){PL_OVERLAPS(v) ? n - PL_LANES : (v - 1) * PL_LANES, tail_of(n - (v - 1) * PL_LANES)};
}
PL_INLINE vec v_load_of(const real *p, const int j, const int v, vlast last) {
    if (j < v - 1) return v_load(p + j * PL_LANES);
    return PL_OVERLAPS(v) ? v_load(p + last.place) : v_load_tail(p + last.place, last.tail);
}
PL_INLINE void v_store_of(real *p, vec x, const int j, const int v, vlast last) {
    if (j < v - 1)
        v_store(p + j * PL_LANES, x);
    else if (PL_OVERLAPS(v))
        v_store(p + last.place, x);
    else
        v_store_tail(p + last.place, x, last.tail);
}
/* The same from rows that may be read in whole vectors where there is no masked load. */
PL_INLINE vec v_load_padded(const real *p, const int j, const int v, vlast last) {
    return PL_HAS_MASKED_LOAD || v > 1 ? v_load_of(p, j, v, last) : v_load(p);
}

PL_INLINE vmask v_gt(vec a, vec b) { return v_lt(b, a); }
PL_INLINE vmask v_ge(vec a, vec b) { return v_le(b, a); }

/* Larger of two; NaN in `a` is lost, NaN in `b` stays: v_max(floor, x) keeps the NaN of x. */
#ifdef V /* the x86 instructions do just that */
PL_INLINE vec v_max(vec a, vec b) { return V(max)(a, b); }
PL_INLINE vec v_min(vec a, vec b) { return V(min)(a, b); }
#else
PL_INLINE vec v_max(vec a, vec b) { return v_select(v_gt(a, b), a, b); }
PL_INLINE vec v_min(vec a, vec b) { return v_select(v_lt(a, b), a, b); }
#endif

PL_INLINE vec v_abs(vec x) {
    return v_from_bits(v_bits(x) & i_set1((bits)~((bits)1 << (8 * sizeof(bits) - 1))));
}

PL_INLINE ivec i_select(vmask m, ivec yes, ivec no) {
    return v_bits(v_select(m, v_from_bits(yes), v_from_bits(no)));
}

/* Integers kept in memory as int32: the first n lanes, 0 < n; the others are 0 and not touched. */
typedef int32_t words32 __attribute__((vector_size(4 * PL_LANES)));
PL_INLINE ivec i_load_i32(const int32_t *p, ptrdiff_t n) {
    words32 x = {0};
    if (n >= PL_LANES)
        memcpy(&x, p, sizeof x);
    else
        for (ptrdiff_t i = 0; i < n; i++) x[i] = p[i];
    return __builtin_convertvector(x, ivec);
}
PL_INLINE void i_store_i32(int32_t *p, ivec x, ptrdiff_t n) {
    const words32 narrow = __builtin_convertvector(x, words32);
    if (n >= PL_LANES)
        memcpy(p, &narrow, sizeof narrow);
    else
        for (ptrdiff_t i = 0; i < n; i++) p[i] = narrow[i];
}

/* The first n lanes, 0 <= n; the other lanes are `fill`. */
PL_INLINE vec v_load_fill(const real *p, ptrdiff_t n, vec fill) {
    if (n >= PL_LANES) return v_load(p);
    return n > 0 ? v_select(m_first(n), v_load_part(p, n), fill) : fill;
}

/* Between whole numbers in a vec and in an ivec: PL_ROUNDING, added and taken away again, leaves a
 * whole number (half to even), which the low bits of the sum hold. */
PL_INLINE ivec i_from_whole(vec n) {
    return v_bits(n + v_set1(PL_ROUNDING)) - v_bits(v_set1(PL_ROUNDING));
}
PL_INLINE vec v_from_whole(ivec n) {
    return v_from_bits(n + v_bits(v_set1(PL_ROUNDING))) - v_set1(PL_ROUNDING);
}

/* x * 2^n for whole n, |n| < 2 * PL_EXPONENT_BIAS, rounded once where the result is subnormal. */
PL_LONG vec v_times_exp2(vec x, vec n) {
#ifdef PL_ISA_AVX512
    return V(scalef)(x, n);
#else
    const ivec k = i_from_whole(n), half = k >> 1, bias = i_set1(PL_EXPONENT_BIAS);
    x = x * v_from_bits((half + bias) << PL_EXPONENT_SHIFT);
    return x * v_from_bits((k - half + bias) << PL_EXPONENT_SHIFT);
#endif
}

/* ---- sixteen partial sums ------------------------------------------------------------------- */
/* Element i goes to sum i % 16; the sums are added by one fixed tree (stride 8, 4, 2, 1). */
enum { PL_ACC_VECTORS = 16 / PL_LANES };
typedef struct {
    vec part[PL_ACC_VECTORS];
} acc16;

PL_INLINE acc16 acc_zero(void) {
    acc16 a;
    for (int i = 0; i < PL_ACC_VECTORS; i++) a.part[i] = v_zero();
    return a;
}

PL_INLINE real acc_sum(acc16 a) {
    for (int half = PL_ACC_VECTORS / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) a.part[i] = a.part[i] + a.part[i + half];
    return v_sum(a.part[0]);
}

#endif
