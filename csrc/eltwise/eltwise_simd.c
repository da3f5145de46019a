/* The elementwise leaves for one ISA and element type: lanes run over elements, or over the classes
 * of a row. One pass over memory each; rows stay in L1 between the passes of softmax. */
#include "eltwise/eltwise.h"
#include "simd/loops.h"
#include "simd/math.h"

PL_INLINE vec relu(vec x) { return v_keep(m_not(v_le(x, v_zero())), x); }

static void activation(int kind, double alpha, const void *from, void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const vec slope = v_set1((real)alpha);
    switch (kind) {
    case PL_RELU: EACH_VECTOR(n, v_store_n(y + i, relu(v_load_n(x + i, left)), left)); break;
    case PL_LEAKY_RELU:
        EACH_VECTOR(n, {
            const vec v = v_load_n(x + i, left);
            v_store_n(y + i, v_select(v_le(v, v_zero()), slope * v, v), left);
        });
        break;
    case PL_SIGMOID:
        EACH_VECTOR(n, v_store_n(y + i, v_sigmoid(v_load_n(x + i, left)), left));
        break;
    case PL_TANH: EACH_VECTOR(n, v_store_n(y + i, v_tanh(v_load_n(x + i, left)), left)); break;
    default: EACH_VECTOR(n, v_store_n(y + i, v_load_n(x + i, left), left));
    }
}

static void activation_backward(int kind, double alpha, const void *gradient, const void *result,
                                void *to, ptrdiff_t n) {
    const real *dy = gradient, *y = result;
    real *dx = to;
    const vec slope = v_set1((real)alpha), one = v_set1(1);
    switch (kind) {
    case PL_RELU:
        EACH_VECTOR(n, {
            const vmask dead = v_le(v_load_n(y + i, left), v_zero());
            v_store_n(dx + i, v_keep(m_not(dead), v_load_n(dy + i, left)), left);
        });
        break;
    case PL_LEAKY_RELU:
        EACH_VECTOR(n, {
            const vec g = v_load_n(dy + i, left);
            const vmask low = v_le(v_load_n(y + i, left), v_zero());
            v_store_n(dx + i, v_select(low, slope * g, g), left);
        });
        break;
    case PL_SIGMOID:
        EACH_VECTOR(n, {
            const vec v = v_load_n(y + i, left);
            v_store_n(dx + i, v_load_n(dy + i, left) * v * (one - v), left);
        });
        break;
    case PL_TANH:
        EACH_VECTOR(n, {
            const vec v = v_load_n(y + i, left);
            v_store_n(dx + i, v_load_n(dy + i, left) * (one - v * v), left);
        });
        break;
    default: EACH_VECTOR(n, v_store_n(dx + i, v_load_n(dy + i, left), left));
    }
}

static void elementary(int function, const void *from, void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    switch (function) {
    case PL_EXP: EACH_VECTOR(n, v_store_n(y + i, v_exp(v_load_n(x + i, left)), left)); break;
    case PL_LOG: EACH_VECTOR(n, v_store_n(y + i, v_log(v_load_n(x + i, left)), left)); break;
    default: EACH_VECTOR(n, v_store_n(y + i, v_log1p_unit(v_load_n(x + i, left)), left));
    }
}

static void softmax(const void *from, void *to, ptrdiff_t rows, ptrdiff_t k) {
    const real *x = from;
    real *y = to;
    for (ptrdiff_t r = 0; r < rows; r++, x += k, y += k) {
        const vec inverse = v_set1(1 / row_exponentials(x, row_maximum(x, k), y, k));
        EACH_VECTOR(k, v_store_n(y + i, v_load_n(y + i, left) * inverse, left));
    }
}

static void softmax_backward(const void *gradient, const void *result, void *to, ptrdiff_t rows,
                             ptrdiff_t k) {
    const real *dy = gradient, *y = result;
    real *dx = to;
    for (ptrdiff_t r = 0; r < rows; r++, dy += k, y += k, dx += k) {
        acc16 sum = acc_zero();
        EACH_SIXTEEN(k, sum.part[part] =
                            v_fma(v_load_n(dy + i, left), v_load_n(y + i, left), sum.part[part]));
        const vec dot = v_set1(acc_sum(sum));
        EACH_VECTOR(
            k, v_store_n(dx + i, v_load_n(y + i, left) * (v_load_n(dy + i, left) - dot), left));
    }
}

/* The first lane of the first vector that holds the maximum, or NaN where there is one. */
static void argmax(const void *from, int64_t *y, ptrdiff_t rows, ptrdiff_t k) {
    const real *x = from;
    const vec lowest = v_set1(-PL_INFINITY);
    for (ptrdiff_t r = 0; r < rows; r++, x += k) {
        vec highest = lowest;
        unsigned nan = 0;
        EACH_VECTOR(k, {
            const vec v = v_load_fill(x + i, left, lowest);
            highest = v_max(v, highest);
            nan |= m_to_bits(v_is_nan(v));
        });
        const vec wanted = v_set1(v_highest(highest));
        for (ptrdiff_t i = 0; i < k; i += PL_LANES) {
            const vec v = v_load_fill(x + i, k - i, lowest);
            const unsigned found = m_to_bits(nan ? v_is_nan(v) : v_eq(v, wanted));
            if (found) {
                y[r] = i + __builtin_ctz(found);
                break;
            }
        }
    }
}

/* Bits i .. i + LANES - 1 of a mask, of which `left` are there. i is a multiple of LANES. */
PL_INLINE vmask mask_at(const uint8_t *mask, ptrdiff_t i, ptrdiff_t left) {
    unsigned bits = mask[i / 8];
    if (PL_LANES > 8 && left > 8) bits |= (unsigned)mask[i / 8 + 1] << 8;
    if (PL_LANES < 8) bits >>= i % 8;
    return m_from_bits(bits);
}

static void keep(const void *from, const uint8_t *mask, double scale, void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const vec factor = v_set1((real)scale);
    EACH_VECTOR(
        n, v_store_n(y + i, v_keep(mask_at(mask, i, left), v_load_n(x + i, left) * factor), left));
}

static void add(const void *first, const void *second, void *to, ptrdiff_t n) {
    const real *a = first, *b = second;
    real *y = to;
    EACH_VECTOR(n, v_store_n(y + i, v_load_n(a + i, left) + v_load_n(b + i, left), left));
}

static void add_scaled(double alpha, const void *from, void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const vec factor = v_set1((real)alpha);
    EACH_VECTOR(n, v_store_n(y + i, v_load_n(y + i, left) + factor * v_load_n(x + i, left), left));
}

static void scale(double alpha, void *array, ptrdiff_t n) {
    real *x = array;
    const vec factor = v_set1((real)alpha);
    EACH_VECTOR(n, v_store_n(x + i, v_load_n(x + i, left) * factor, left));
}

/* In float64 for both element types: squares of large floats do not overflow. */
static double sum_of_squares(const void *array, ptrdiff_t n) {
    const real *x = array;
    double sum[16] = {0};
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++) sum[j] += (double)x[i + j] * (double)x[i + j];
    for (int j = 0; i < n; i++, j++) sum[j] += (double)x[i] * (double)x[i];
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) sum[j] += sum[j + half];
    return sum[0];
}

/* x * 0 is NaN where x is not finite; four chains hide the latency of the addition. */
static int all_finite(const void *array, ptrdiff_t n) {
    const real *x = array;
    const vec zero = v_zero();
    vec sum[4] = {zero, zero, zero, zero};
    for (; n >= 4 * PL_LANES; n -= 4 * PL_LANES, x += 4 * PL_LANES)
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) sum[j] = v_fma(v_load(x + j * PL_LANES), zero, sum[j]);
    EACH_VECTOR(n, sum[0] = v_fma(v_load_n(x + i, left), zero, sum[0]));
    return v_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) == 0;
}

static void convert(int source, double scale, const void *from, void *to, ptrdiff_t n) {
    real *restrict y = to;
    const real factor = (real)scale;
    if (source == PL_U8) {
        const uint8_t *x = from;
        for (ptrdiff_t i = 0; i < n; i++) y[i] = (real)x[i] * factor;
    } else if (source == PL_F32) {
        const float *x = from;
        for (ptrdiff_t i = 0; i < n; i++) y[i] = (real)x[i] * factor;
    } else {
        const double *x = from;
        for (ptrdiff_t i = 0; i < n; i++) y[i] = (real)x[i] * factor;
    }
}

const pl_eltwise_kernels PL_KERNEL(eltwise) = {
    .activation = activation,
    .activation_backward = activation_backward,
    .elementary = elementary,
    .softmax = softmax,
    .softmax_backward = softmax_backward,
    .argmax = argmax,
    .keep = keep,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .sum_of_squares = sum_of_squares,
    .all_finite = all_finite,
    .convert = convert,
};
