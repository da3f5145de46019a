/* The losses for one ISA and element type. Lanes run over classes or elements; the logarithms of
 * sums are taken for sixteen rows at a time, lanes over rows. */
#include "loss/loss.h"
#include "simd/loops.h"

#if PL_REAL_BITS == 64
#define EPSILON 1e-15
#else
#define EPSILON 1e-7f
#endif

enum { BLOCK = 16 };

/* Out of line: the loops below have their bodies several times (parts, tail). */
static __attribute__((noinline)) vec log_of(vec x) { return v_log(x); }

PL_INLINE real weight_of(const pl_class_loss_args *g, ptrdiff_t row) {
    return g->weights ? ((const real *)g->weights)[row / g->rows_per_weight] : 1;
}

/* With z = x - maximum and t = kept * target + spread: mass = sum(t), dot = sum(t * z). A label is
 * a target of 1 at one place. */
typedef struct {
    real mass, dot;
} row_sums;

static __attribute__((noinline)) row_sums sums_of_row(const real *x, real maximum,
                                                      const real *target, int64_t label, real kept,
                                                      real spread, ptrdiff_t k) {
    const vec shift = v_set1(maximum);
    real mass = 1, dot = 0, depth = 0;
    if (target) {
        acc16 masses = acc_zero(), dots = acc_zero();
        EACH_SIXTEEN(k, {
            const vec t = v_load_n(target + i, left), z = v_load_fill(x + i, left, shift) - shift;
            masses.part[part] = masses.part[part] + t;
            dots.part[part] = v_fma(t, z, dots.part[part]);
        });
        mass = acc_sum(masses);
        dot = acc_sum(dots);
    } else {
        dot = x[label] - maximum;
    }
    if (spread != 0) {
        acc16 depths = acc_zero();
        EACH_SIXTEEN(k, depths.part[part] =
                            depths.part[part] + (v_load_fill(x + i, left, shift) - shift));
        depth = acc_sum(depths);
    }
    return (row_sums){kept * mass + spread * (real)k, kept * dot + spread * depth};
}

static double softmax(const pl_class_loss_args *g, ptrdiff_t first, ptrdiff_t rows) {
    const ptrdiff_t k = g->classes;
    const real kept = (real)(1 - g->smoothing), spread = (real)(g->smoothing / (double)k);
    const vec keeps = v_set1(kept), spreads = v_set1(spread), scale = v_set1((real)g->scale);
    real total[BLOCK] = {0}, mass[BLOCK] = {0}, dot[BLOCK] = {0}, weight[BLOCK] = {0};
    double sum = 0;
    real next = row_maximum((const real *)g->prediction + first * k, k);
    for (ptrdiff_t block = first; block < first + rows; block += BLOCK) {
        const int n = (int)pl_min(BLOCK, first + rows - block);
        for (int j = 0; j < n; j++) {
            const ptrdiff_t row = block + j;
            const real *x = (const real *)g->prediction + row * k;
            const real *target = g->labels ? NULL : (const real *)g->targets + row * k;
            const int64_t label = g->labels ? ((const int64_t *)g->targets)[row] : 0;
            real *dx = (real *)g->gradient + row * k;
            const real maximum = next;
            const row_sums sums = sums_of_row(x, maximum, target, label, kept, spread, k);
            mass[j] = sums.mass;
            dot[j] = sums.dot;
            weight[j] = weight_of(g, row);
            const real *following = row + 1 < first + rows ? x + k : x;
            total[j] = row_exponentials(x, &next, dx, k, following, NULL, 1);
            const real factor = sums.mass / total[j], at_label = dx[label];
            const vec factors = v_set1(factor), w = v_set1(weight[j]);
            if (target) {
                EACH_VECTOR(k, {
                    const vec t = keeps * v_load_n(target + i, left) + spreads;
                    v_store_n(dx + i, (v_load_n(dx + i, left) * factors - t) * w * scale, left);
                });
            } else {
                EACH_VECTOR(k, {
                    const vec p = v_load_n(dx + i, left) * factors;
                    v_store_n(dx + i, (p - spreads) * w * scale, left);
                });
                dx[label] = (at_label * factor - (kept + spread)) * weight[j] * (real)g->scale;
            }
        }
        real loss[BLOCK];
        for (int j = 0; j < BLOCK; j += PL_LANES) {
            const vec l = v_load(mass + j) * log_of(v_load(total + j)) - v_load(dot + j);
            v_store(loss + j, l * v_load(weight + j));
        }
        for (int j = 0; j < n; j++) sum += (double)loss[j];
    }
    return sum;
}

/* q = max(p, epsilon); l = -sum(t * log(q)). */
static double categorical(const pl_class_loss_args *g, ptrdiff_t first, ptrdiff_t rows) {
    const ptrdiff_t k = g->classes;
    const real kept = (real)(1 - g->smoothing), spread = (real)(g->smoothing / (double)k);
    const vec keeps = v_set1(kept), spreads = v_set1(spread), scale = v_set1((real)g->scale);
    const vec one = v_set1(1), least = v_set1(EPSILON);
    double sum = 0;
    for (ptrdiff_t row = first; row < first + rows; row++) {
        const real *p = (const real *)g->prediction + row * k;
        const real *target = g->labels ? NULL : (const real *)g->targets + row * k;
        real *dp = (real *)g->gradient + row * k;
        const real weight = weight_of(g, row);
        const vec w = v_set1(weight);
        acc16 losses = acc_zero();
        EACH_SIXTEEN(k, {
            const vec q = v_max(least, v_load_fill(p + i, left, one));
            const vec t = target ? keeps * v_load_n(target + i, left) + spreads : spreads;
            losses.part[part] = losses.part[part] - t * log_of(q);
            v_store_n(dp + i, -t / q * w * scale, left);
        });
        real loss = acc_sum(losses);
        if (!target) {
            const int64_t label = ((const int64_t *)g->targets)[row];
            const vec q = v_max(least, v_set1(p[label]));
            loss = loss - kept * log_of(q)[0];
            dp[label] = (-(keeps + spreads) / q * w * scale)[0];
        }
        sum += (double)(loss * weight);
    }
    return sum;
}

/* Elements at a time: their weights and their weighted losses lie in buffers, in L1, so that the
 * bodies below need neither masks nor the partial sums. */
enum { RUN = 512 };

static double elements(const pl_element_loss_args *g, ptrdiff_t first, ptrdiff_t n,
                       const void *weights, int each_weight) {
    const vec keeps = v_set1((real)(1 - g->smoothing)), spreads = v_set1((real)(g->smoothing / 2));
    const vec scale = v_set1((real)g->scale), one = v_set1(1), least = v_set1(EPSILON);
    const vec delta = v_set1((real)g->delta), half = v_set1((real)0.5);
    real weight[RUN], lost[RUN];
    const real common = weights && !each_weight ? *(const real *)weights : 1;
    for (int i = 0; i < RUN; i++) weight[i] = common;
    acc16 sum = acc_zero();
    for (ptrdiff_t start = 0; start < n; start += RUN) {
        const ptrdiff_t count = pl_min(RUN, n - start);
        const real *x = (const real *)g->prediction + first + start;
        const real *target = (const real *)g->targets + first + start;
        real *dx = (real *)g->gradient + first + start;
        if (each_weight)
            memcpy(weight, (const real *)weights + start, (size_t)count * sizeof(real));
/* Computes `loss` and `slope` from v = x[i] and t = target[i]. */
#define EACH_ELEMENT(...)                                                    \
    EACH_VECTOR(count, {                                                     \
        const vec v = v_load_n(x + i, left), w = v_load_n(weight + i, left); \
        vec t = v_load_n(target + i, left), loss, slope;                     \
        __VA_ARGS__                                                          \
        v_store_n(lost + i, loss * w, left);                                 \
        v_store_n(dx + i, slope * w * scale, left);                          \
    })
        switch (g->kind) {
        case PL_SQUARED_ERROR:
            EACH_ELEMENT({
                const vec d = v - t;
                loss = d * d;
                slope = d + d;
            });
            break;
        case PL_BINARY:
            EACH_ELEMENT({
                t = keeps * t + spreads;
                const vec q = v_max(least, v), r = v_max(least, one - v);
                loss = -(t * log_of(q) + (one - t) * log_of(r));
                slope = (one - t) / r - t / q;
            });
            break;
        case PL_ABSOLUTE_ERROR:
            EACH_ELEMENT({
                const vec d = v - t;
                loss = v_abs(d);
                slope = v_select(v_gt(d, v_zero()), one, v_select(v_lt(d, v_zero()), -one, d));
            });
            break;
        case PL_HUBER: /* slope: d, cut off at delta, its NaN kept */
            EACH_ELEMENT({
                const vec d = v - t;
                slope = v_max(-delta, v_min(delta, d));
                loss = slope * (d - half * slope);
            });
            break;
        case PL_HINGE:
            EACH_ELEMENT({
                const vec margin = one - t * v;
                loss = v_max(v_zero(), margin);
                slope = v_select(v_le(margin, v_zero()), v_zero(), -t);
            });
            break;
        case PL_DIVERGENCE:
            EACH_ELEMENT({
                const vec q = v_max(least, v);
                loss = t * log_of(v_max(least, t) / q);
                slope = -t / q;
            });
            break;
        default:
            EACH_ELEMENT({
                t = keeps * t + spreads;
                const vec e = v_exp_negative(v_minus_abs(v));
                loss = v_max(v_zero(), v) - v * t + v_log1p_unit(e);
                slope = v_sigmoid(v) - t;
            });
        }
        EACH_SIXTEEN(count, sum.part[part] = sum.part[part] + v_load_n(lost + i, left));
    }
    return (double)acc_sum(sum);
}

const pl_loss_kernels PL_KERNEL(loss) = {
    .softmax = softmax, .categorical = categorical, .elements = elements};
