/* The elementwise leaves for one ISA and element type: lanes run over elements, or over the classes
 * of a row. One pass over memory each; rows stay in L1 between the passes of softmax. */
#include "eltwise/eltwise.h"
#include "simd/loops.h"
#include "simd/math.h"

PL_INLINE vec relu(vec x) { return v_keep(m_not(v_le(x, v_zero())), x); }

/* ELU and SELU: above * x where x > 0, else below * (exp(x) - 1), which is -below at -infinity. */
typedef struct {
    vec above, below;
} elu_scales;
PL_INLINE elu_scales scales_of(int kind, double alpha) {
    const double scale = 1.0507009873554804934, depth = 1.6732632423543772848;
    elu_scales s = {v_set1(1), v_set1((real)alpha)};
    if (kind == PL_SELU) s = (elu_scales){v_set1((real)scale), v_set1((real)(scale * depth))};
    return s;
}

/* clip(x + 3, 0, 6) / 6 */
PL_INLINE vec hard_gate(vec x) {
    return v_min(v_set1(6), v_max(v_zero(), x + v_set1(3))) * v_set1((real)(1.0 / 6));
}

/* Elements between the two loops of softplus, whose chain is too long for one: few vectors would
 * overlap. */
enum { STAGE = 16 * PL_LANES };

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
        EACH_VECTOR_ONCE(n, v_store_n(y + i, v_sigmoid(v_load_n(x + i, left)), left));
        break;
    case PL_TANH:
        EACH_VECTOR_ONCE(n, v_store_n(y + i, v_tanh(v_load_n(x + i, left)), left));
        break;
    case PL_ELU:
    case PL_SELU: {
        const elu_scales scale = scales_of(kind, alpha);
        EACH_VECTOR_ONCE(n, {
            const vec v = v_load_n(x + i, left);
            const vec below = scale.below * v_expm1_negative(v);
            v_store_n(y + i, v_select(v_lt(v, v_zero()), below, scale.above * v), left);
        });
        break;
    }
    case PL_SOFTPLUS:
        for (; n > 0; n -= STAGE, x += STAGE, y += STAGE) {
            const ptrdiff_t count = pl_min(STAGE, n);
            real e[STAGE];
            EACH_VECTOR_ONCE(count,
                             v_store(e + i, v_exp_negative(v_minus_abs(v_load_n(x + i, left)))));
            EACH_VECTOR_ONCE(count, {
                const vec v = v_softplus(v_load_n(x + i, left), v_load(e + i));
                v_store_n(y + i, v, left);
            });
        }
        break;
    case PL_GELU:
        EACH_VECTOR_ONCE(n, v_store_n(y + i, v_gelu(v_load_n(x + i, left)), left));
        break;
    case PL_SILU:
        EACH_VECTOR_ONCE(n, v_store_n(y + i, v_silu(v_load_n(x + i, left)), left));
        break;
    case PL_MISH:
        EACH_VECTOR_ONCE(n, v_store_n(y + i, v_mish(v_load_n(x + i, left)), left));
        break;
    case PL_HARD_SWISH:
        EACH_VECTOR_ONCE(n, {
            const vec v = v_load_n(x + i, left);
            v_store_n(y + i, v_max(v_set1(-3), v) * hard_gate(v), left);
        });
        break;
    default: EACH_VECTOR(n, v_store_n(y + i, v_load_n(x + i, left), left));
    }
}

static void activation_backward(int kind, double alpha, const void *gradient, const void *saved,
                                void *to, ptrdiff_t n) {
    const real *dy = gradient, *y = saved, *x = saved;
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
    case PL_ELU:
    case PL_SELU: {
        const elu_scales scale = scales_of(kind, alpha);
        EACH_VECTOR_ONCE(n, {
            const vec v = v_load_n(y + i, left);
            const vec rise = v_select(v_le(v, v_zero()), v + scale.below, scale.above);
            v_store_n(dx + i, v_load_n(dy + i, left) * rise, left);
        });
        break;
    }
    case PL_SOFTPLUS: /* sigmoid(x) = 1 - exp(-y) */
        EACH_VECTOR_ONCE(n, {
            const vec low = v_expm1_negative(v_zero() - v_load_n(y + i, left));
            v_store_n(dx + i, v_load_n(dy + i, left) * (v_zero() - low), left);
        });
        break;
    case PL_GELU:
        EACH_VECTOR_ONCE(n, v_store_n(dx + i, v_load_n(dy + i, left) *
                                                  v_gelu_slope(v_load_n(x + i, left)), left));
        break;
    case PL_SILU:
        EACH_VECTOR_ONCE(n, v_store_n(dx + i, v_load_n(dy + i, left) *
                                                  v_silu_slope(v_load_n(x + i, left)), left));
        break;
    case PL_MISH:
        EACH_VECTOR_ONCE(n, v_store_n(dx + i, v_load_n(dy + i, left) *
                                                  v_mish_slope(v_load_n(x + i, left)), left));
        break;
    case PL_HARD_SWISH: /* x / 3 + 1 / 2 inside (-3, 3) */
        EACH_VECTOR_ONCE(n, {
            const vec v = v_load_n(x + i, left);
            vec rise = v * v_set1((real)(1.0 / 3)) + v_set1((real)0.5);
            rise = v_select(v_le(v, v_set1(-3)), v_zero(), rise);
            rise = v_select(v_ge(v, v_set1(3)), one, rise);
            v_store_n(dx + i, v_load_n(dy + i, left) * rise, left);
        });
        break;
    default: EACH_VECTOR(n, v_store_n(dx + i, v_load_n(dy + i, left), left));
    }
}

static void prelu(const void *slopes, ptrdiff_t period, const void *from, void *to, ptrdiff_t n) {
    const real *alpha = slopes, *x = from;
    real *y = to;
    for (; n > 0; n -= period, x += period, y += period)
        EACH_VECTOR(n < period ? n : period, {
            const vec v = v_load_n(x + i, left);
            const vec low = v_load_n(alpha + i, left) * v;
            v_store_n(y + i, v_select(v_le(v, v_zero()), low, v), left);
        });
}

static void prelu_backward(const void *slopes, ptrdiff_t period, const void *gradient,
                           const void *from, void *to, void *sums, ptrdiff_t n) {
    const real *alpha = slopes, *dy = gradient, *x = from;
    real *dx = to, *sum = sums;
    memset(sum, 0, (size_t)period * sizeof(real));
    for (; n > 0; n -= period, dy += period, x += period, dx += period)
        EACH_VECTOR(n < period ? n : period, {
            const vec v = v_load_n(x + i, left);
            const vec g = v_load_n(dy + i, left);
            const vmask low = v_le(v, v_zero());
            v_store_n(dx + i, v_select(low, v_load_n(alpha + i, left) * g, g), left);
            v_store_n(sum + i, v_load_n(sum + i, left) + v_keep(low, g * v), left);
        });
}

static void elementary(int function, const void *from, void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    switch (function) {
    case PL_EXP: EACH_VECTOR(n, v_store_n(y + i, v_exp(v_load_n(x + i, left)), left)); break;
    case PL_LOG: EACH_VECTOR(n, v_store_n(y + i, v_log(v_load_n(x + i, left)), left)); break;
    case PL_ERF: EACH_VECTOR_ONCE(n, v_store_n(y + i, v_erf(v_load_n(x + i, left)), left)); break;
    default: EACH_VECTOR(n, v_store_n(y + i, v_log1p_unit(v_load_n(x + i, left)), left));
    }
}

static void scale(double alpha, void *array, ptrdiff_t n) {
    real *x = array;
    const vec factor = v_set1((real)alpha);
    EACH_VECTOR(n, v_store_n(x + i, v_load_n(x + i, left) * factor, left));
}

/* Rows of fewer are not worth a second row in flight. */
enum { FEW_CLASSES = 64 };

static void softmax(int logarithm, const void *from, void *to, ptrdiff_t rows, ptrdiff_t k) {
    const real *x = from;
    real *y = to, *last = NULL, next = row_maximum(x, k), inverse = 1;
    for (ptrdiff_t r = 0; r < rows; r++, x += k, y += k) {
        const real maximum = next;
        const real sum = row_exponentials(x, &next, y, k, r + 1 < rows ? x + k : x, last, inverse);
        if (logarithm) {
            const vec shift = v_set1(maximum), size = v_log(v_set1(sum));
            EACH_VECTOR_ONCE(k, v_store_n(y + i, v_load_n(x + i, left) - shift - size, left));
        } else if (k < FEW_CLASSES) {
            scale((double)(1 / sum), y, k);
        } else {
            last = y;
            inverse = 1 / sum;
        }
    }
    if (last) scale((double)inverse, last, k);
}

/* dx = y (dy - sum of dy y); of the logarithm dx = dy - exp(y) (sum of dy). */
static void softmax_backward(int logarithm, const void *gradient, const void *result, void *to,
                             ptrdiff_t rows, ptrdiff_t k) {
    const real *dy = gradient, *y = result;
    real *dx = to;
    for (ptrdiff_t r = 0; r < rows; r++, dy += k, y += k, dx += k) {
        acc16 sum = acc_zero();
        if (logarithm) {
            EACH_SIXTEEN(k, sum.part[part] = sum.part[part] + v_load_n(dy + i, left));
            const vec total = v_set1(acc_sum(sum));
            EACH_VECTOR_ONCE(k, {
                const vec p = v_exp(v_load_n(y + i, left));
                v_store_n(dx + i, v_load_n(dy + i, left) - p * total, left);
            });
            continue;
        }
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

static void keep(const void *from, const uint8_t *mask, double scale, double offset, double dropped,
                 void *to, ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const vec factor = v_set1((real)scale), add = v_set1((real)offset);
    const vec other = v_set1((real)dropped);
    EACH_VECTOR(n, {
        const vec kept = v_load_n(x + i, left) * factor + add;
        v_store_n(y + i, v_select(mask_at(mask, i, left), kept, other), left);
    });
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
    .prelu = prelu,
    .prelu_backward = prelu_backward,
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
