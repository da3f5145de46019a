/* Normalization over wide rows (norm.h), and of rows by themselves, for one ISA and element type.
 *
 * Lanes run over columns. Sums keep a block of up to four vectors of columns in registers: 4
 * shifts, 4 + 4 accumulators and a difference are 13 of 16 registers, and 8 chains hide the latency
 * of an add. The elementwise passes go along the rows, bound by memory.
 *
 * Why the variance does not cancel: the shift is the mean of the first k = 16 of n <= 256 rows of
 * the same column, so n * (mean - shift)^2 <= n / k * (sum of squared deviations): the sum of
 * squares is at most 17 times what is wanted, whatever the data, and what is left is never
 * negative. */
#include "norm/norm.h"
#include "simd/loops.h"
#include "simd/simd.h"

enum { BLOCK = 4, SAMPLE = 16, SECTION = 8 };

/* Vector j of a block of v vectors; the last one may be partial. */
PL_INLINE vec load(const real *p, int j, const int v, const int full, vtail tail) {
    return full || j < v - 1 ? v_load(p + j * PL_LANES) : v_load_tail(p + j * PL_LANES, tail);
}
PL_INLINE void store(real *p, vec x, int j, const int v, const int full, vtail tail) {
    if (full || j < v - 1)
        v_store(p + j * PL_LANES, x);
    else
        v_store_tail(p + j * PL_LANES, x, tail);
}

/* The sums of a block of columns go on over `rows` rows. With sample > 0 they begin, and the shift is
 * the mean of so many rows. */
PL_INLINE void statistics_block(const real *x, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t columns,
                                ptrdiff_t sample, real *partial, const int v, const int full) {
    const vtail tail = tail_of(columns - (v - 1) * PL_LANES);
    vec shift[BLOCK], sum[BLOCK], square[BLOCK];
    const vec share = v_set1(1 / (real)pl_max(sample, 1));
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) shift[j] = sum[j] = square[j] = v_zero();
    for (ptrdiff_t r = 0; r < sample; r++)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++)
            shift[j] = v_fma(load(x + r * width, j, v, full, tail), share, shift[j]);
    if (sample == 0)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            shift[j] = load(partial, j, v, full, tail);
            sum[j] = load(partial + width, j, v, full, tail);
            square[j] = load(partial + 2 * width, j, v, full, tail);
        }
    for (ptrdiff_t r = 0; r < rows; r++, x += width) {
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            const vec d = load(x, j, v, full, tail) - shift[j];
            sum[j] = sum[j] + d;
            square[j] = v_fma(d, d, square[j]);
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) {
        store(partial, shift[j], j, v, full, tail);
        store(partial + width, sum[j], j, v, full, tail);
        store(partial + 2 * width, square[j], j, v, full, tail);
    }
}

PL_INLINE void gradient_block(const real *dy, const real *x, const real *mean, ptrdiff_t rows,
                              ptrdiff_t width, ptrdiff_t columns, int begin, real *partial,
                              const int v, const int full) {
    const vtail tail = tail_of(columns - (v - 1) * PL_LANES);
    vec center[BLOCK], sum[BLOCK], product[BLOCK];
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) {
        center[j] = load(mean, j, v, full, tail);
        sum[j] = product[j] = v_zero();
    }
    if (!begin)
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            sum[j] = load(partial, j, v, full, tail);
            product[j] = load(partial + width, j, v, full, tail);
        }
    for (ptrdiff_t r = 0; r < rows; r++, x += width, dy += width) {
#pragma GCC unroll 4
        for (int j = 0; j < v; j++) {
            const vec g = load(dy, j, v, full, tail);
            sum[j] = sum[j] + g;
            product[j] = v_fma(g, load(x, j, v, full, tail) - center[j], product[j]);
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < v; j++) {
        store(partial, sum[j], j, v, full, tail);
        store(partial + width, product[j], j, v, full, tail);
    }
}

/* Vectors of the next block: four, but never one alone, whose chains would wait for each other. */
PL_INLINE int block_vectors(ptrdiff_t columns) {
    const ptrdiff_t left = pl_ceil_div(columns, PL_LANES);
    return left == 5 ? 3 : (int)pl_min(left, BLOCK);
}

/* Calls BODY(vectors, full) with both known to the compiler. */
#define FOR_BLOCK(v, n, BODY)    \
    if ((n) == BLOCK * PL_LANES) \
        BODY(BLOCK, 1);          \
    else if ((v) == 4)           \
        BODY(4, 0);              \
    else if ((v) == 3)           \
        BODY(3, 0);              \
    else if ((v) == 2)           \
        BODY(2, 0);              \
    else                         \
        BODY(1, 0)

/* Rows whose columns are all read before those of the next rows, near the order of memory.
 * Prefetching by hand took longer (Zen 4). */
PL_INLINE ptrdiff_t section_rows(ptrdiff_t rows, ptrdiff_t columns) {
    return columns > BLOCK * PL_LANES ? SECTION : rows;
}

static void statistics(const void *from, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t columns,
                       ptrdiff_t rest, void *partial) {
    const real *x = from;
    real *shift = partial, *sum = shift + width, *square = sum + width;
    if (rows == 0)
        for (ptrdiff_t j = 0; j < columns; j++) {
            shift[j] = j < rest ? x[j] : 0;
            sum[j] = square[j] = 0;
        }
    const ptrdiff_t section = section_rows(rows, columns);
    for (ptrdiff_t row = 0; row < rows; row += section, x += section * width) {
        const ptrdiff_t height = pl_min(section, rows - row);
        const ptrdiff_t sample = row == 0 ? pl_min(rows, SAMPLE) : 0;
        for (ptrdiff_t j = 0; j < columns;) {
            const int v = block_vectors(columns - j);
            const ptrdiff_t n = pl_min(columns - j, v * PL_LANES);
#define BODY(V, FULL) statistics_block(x + j, height, width, n, sample, shift + j, V, FULL)
            FOR_BLOCK(v, n, BODY);
#undef BODY
            j += n;
        }
    }
    x = (const real *)from + rows * width;
    EACH_VECTOR_ONCE(pl_min(rest, columns), {
        const vec d = v_load_n(x + i, left) - v_load_n(shift + i, left);
        v_store_n(sum + i, v_load_n(sum + i, left) + d, left);
        v_store_n(square + i, v_fma(d, d, v_load_n(square + i, left)), left);
    });
}

static void gradient_sums(const void *gradient, const void *from, const void *center, ptrdiff_t rows,
                          ptrdiff_t width, ptrdiff_t columns, ptrdiff_t rest, void *partial) {
    const real *dy = gradient, *x = from, *mean = center;
    real *sum = partial, *product = sum + width;
    if (rows == 0)
        for (ptrdiff_t j = 0; j < columns; j++) sum[j] = product[j] = 0;
    const ptrdiff_t section = section_rows(rows, columns);
    for (ptrdiff_t row = 0; row < rows; row += section) {
        const ptrdiff_t height = pl_min(section, rows - row), at = row * width;
        for (ptrdiff_t j = 0; j < columns;) {
            const int v = block_vectors(columns - j);
            const ptrdiff_t n = pl_min(columns - j, v * PL_LANES);
#define BODY(V, FULL)                                                                            \
    gradient_block(dy + at + j, x + at + j, mean + j, height, width, n, row == 0, sum + j, V, FULL)
            FOR_BLOCK(v, n, BODY);
#undef BODY
            j += n;
        }
    }
    dy += rows * width;
    x += rows * width;
    EACH_VECTOR_ONCE(pl_min(rest, columns), {
        const vec g = v_load_n(dy + i, left);
        const vec d = v_load_n(x + i, left) - v_load_n(mean + i, left);
        v_store_n(sum + i, v_load_n(sum + i, left) + g, left);
        v_store_n(product + i, v_fma(g, d, v_load_n(product + i, left)), left);
    });
}

/* ---- chunks to channels --------------------------------------------------------------------- */
/* sum[c] = sum over the columns of channel c, in order. */
static void fold_columns(const double *columns, const pl_wide_rows *shape, double *sum) {
    for (ptrdiff_t c = 0; c < shape->channels; c++) sum[c] = columns[c];
    for (ptrdiff_t j = shape->channels; j < shape->width; j += shape->channels)
        for (ptrdiff_t c = 0; c < shape->channels; c++) sum[c] += columns[j + c];
}

/* The columns of chunk i that have `rows` values each: those before `rest` have one more in the
 * last chunk, so a chunk is one range or two. */
typedef struct {
    ptrdiff_t begin, end;
    double rows;
} column_range;

static column_range range_of(const pl_wide_rows *shape, ptrdiff_t i, int longer) {
    const int last = i == shape->chunks - 1;
    const ptrdiff_t rows = last ? shape->rows - i * PL_NORM_CHUNK : PL_NORM_CHUNK;
    const ptrdiff_t rest = last ? shape->rest : 0;
    return longer ? (column_range){0, rest, (double)(rows + 1)}
                  : (column_range){rest, shape->width, (double)rows};
}

static void fold_statistics(const void *partials, const pl_wide_rows *shape, double *work,
                            double *mean, double *deviations) {
    const ptrdiff_t width = shape->width, c = shape->channels;
    double *total = work, *center = work + width;
    for (ptrdiff_t j = 0; j < width; j++) total[j] = 0;
    for (ptrdiff_t i = 0; i < shape->chunks; i++)
        for (int longer = 1; longer >= 0; longer--) {
            const real *shift = (const real *)partials + 3 * i * width, *sum = shift + width;
            const column_range in = range_of(shape, i, longer);
            for (ptrdiff_t j = in.begin; j < in.end; j++) total[j] += in.rows * shift[j] + sum[j];
        }
    fold_columns(total, shape, mean);
    const double values = (double)((shape->rows * width + shape->rest) / c);
    for (ptrdiff_t k = 0; k < c; k++) mean[k] /= values;

    /* Sum of (x - mean)^2 with x - mean = d + e, e = shift - mean. */
    for (ptrdiff_t j = 0; j < width; j += c)
        for (ptrdiff_t k = 0; k < c; k++) center[j + k] = mean[k];
    for (ptrdiff_t j = 0; j < width; j++) total[j] = 0;
    for (ptrdiff_t i = 0; i < shape->chunks; i++)
        for (int longer = 1; longer >= 0; longer--) {
            const real *shift = (const real *)partials + 3 * i * width, *sum = shift + width;
            const real *square = sum + width;
            const column_range in = range_of(shape, i, longer);
            for (ptrdiff_t j = in.begin; j < in.end; j++) {
                const double e = shift[j] - center[j];
                total[j] += square[j] + e * (2 * (double)sum[j] + in.rows * e);
            }
        }
    fold_columns(total, shape, deviations);
}

static void fold_sums(const void *partials, const pl_wide_rows *shape, double *work, double *first,
                      double *second) {
    const ptrdiff_t width = shape->width;
    for (int which = 0; which < 2; which++) {
        const real *sum = (const real *)partials + which * width;
        for (ptrdiff_t j = 0; j < width; j++) work[j] = 0;
        for (ptrdiff_t i = 0; i < shape->chunks; i++, sum += 2 * width)
            for (ptrdiff_t j = 0; j < width; j++) work[j] += sum[j];
        fold_columns(work, shape, which ? second : first);
    }
}

/* ---- elementwise ---------------------------------------------------------------------------- */
PL_INLINE vec normalized(vec x, vec mean, vec scale, vec offset, const int relu) {
    const vec y = v_fma(x - mean, scale, offset);
    return relu ? v_keep(m_not(v_le(y, v_zero())), y) : y;
}

PL_INLINE void normalize_rows(const real *x, real *y, ptrdiff_t count, ptrdiff_t width,
                              const real *mean, const int relu, const int stream) {
    const real *scale = mean + width, *offset = scale + width;
    for (; count > 0; count -= width, x += width, y += width) {
        const ptrdiff_t n = pl_min(count, width);
        ptrdiff_t j = 0;
#pragma GCC unroll 4
        for (; j + PL_LANES <= n; j += PL_LANES) {
            const vec out = normalized(v_load(x + j), v_load(mean + j), v_load(scale + j),
                                       v_load(offset + j), relu);
            if (stream)
                v_stream(y + j, out);
            else
                v_store(y + j, out);
        }
        if (j < n)
            v_store_part(
                y + j,
                normalized(v_load_part(x + j, n - j), v_load_part(mean + j, n - j),
                           v_load_part(scale + j, n - j), v_load_part(offset + j, n - j), relu),
                n - j);
    }
    if (stream) v_fence();
}

static void normalize(const void *x, void *y, ptrdiff_t count, ptrdiff_t width,
                      const void *constants, int relu, int stream) {
    if (relu && stream)
        normalize_rows(x, y, count, width, constants, 1, 1);
    else if (relu)
        normalize_rows(x, y, count, width, constants, 1, 0);
    else if (stream)
        normalize_rows(x, y, count, width, constants, 0, 1);
    else
        normalize_rows(x, y, count, width, constants, 0, 0);
}

PL_INLINE void gradient_rows(const real *dy, const real *x, real *dx, ptrdiff_t count,
                             ptrdiff_t width, const real *mean, const int stream) {
    const real *k1 = mean + width, *k2 = k1 + width, *k3 = k2 + width;
    for (; count > 0; count -= width, x += width, dy += width, dx += width) {
        const ptrdiff_t n = pl_min(count, width);
        ptrdiff_t j = 0;
#pragma GCC unroll 4
        for (; j + PL_LANES <= n; j += PL_LANES) {
            const vec at = v_fma(v_load(x + j) - v_load(mean + j), v_load(k2 + j), v_load(k3 + j));
            const vec out = v_fma(v_load(dy + j), v_load(k1 + j), at);
            if (stream)
                v_stream(dx + j, out);
            else
                v_store(dx + j, out);
        }
        if (j < n) {
            const vec at = v_fma(v_load_part(x + j, n - j) - v_load_part(mean + j, n - j),
                                 v_load_part(k2 + j, n - j), v_load_part(k3 + j, n - j));
            v_store_part(dx + j, v_fma(v_load_part(dy + j, n - j), v_load_part(k1 + j, n - j), at),
                         n - j);
        }
    }
    if (stream) v_fence();
}

static void gradient(const void *dy, const void *x, void *dx, ptrdiff_t count, ptrdiff_t width,
                     const void *constants, int stream) {
    if (stream)
        gradient_rows(dy, x, dx, count, width, constants, 1);
    else
        gradient_rows(dy, x, dx, count, width, constants, 0);
}

/* ---- rows by their own statistics ----------------------------------------------------------- */
/* A row fits the first cache: the first pass gives a center near the mean, the second the sums of
 * d = x - center and of d * d, so that nothing cancels, and what the center lacks is known. Lanes
 * run along the row, so sums are acc16. */
static void rows(const void *from, const void *scale, const void *offset, void *to, void *means,
                 void *inverses, ptrdiff_t count, ptrdiff_t c, double epsilon) {
    const real *x = from, *gamma = scale, *beta = offset;
    real *y = to;
    for (ptrdiff_t row = 0; row < count; row++, x += c, y += c) {
        acc16 sum = acc_zero(), square = acc_zero();
        EACH_SIXTEEN(c, sum.part[part] = sum.part[part] + v_load_n(x + i, left));
        const real center = acc_sum(sum) / (real)c;
        const vec at = v_set1(center);
        sum = acc_zero();
        EACH_SIXTEEN(c, {
            const vec d = v_load_fill(x + i, left, at) - at;
            sum.part[part] = sum.part[part] + d;
            square.part[part] = v_fma(d, d, square.part[part]);
        });
        const double rest = (double)acc_sum(sum) / (double)c;
        const double variance = (double)acc_sum(square) / (double)c - rest * rest;
        const double inv_std = 1 / __builtin_sqrt((variance > 0 ? variance : 0) + epsilon);
        ((real *)means)[row] = (real)((double)center + rest);
        ((real *)inverses)[row] = (real)inv_std;
        const vec factor = v_set1((real)inv_std), shift = v_set1((real)(-rest * inv_std));
        EACH_VECTOR(c, {
            const vec z = v_fma(v_load_n(x + i, left) - at, factor, shift);
            v_store_n(y + i, v_fma(z, v_load_n(gamma + i, left), v_load_n(beta + i, left)), left);
        });
    }
}

static void rows_backward(const void *gradient, const void *from, const void *scale,
                          const void *means, const void *inverses, void *to, void *partial,
                          ptrdiff_t count, ptrdiff_t c) {
    const real *dy = gradient, *x = from, *gamma = scale;
    real *dx = to, *dgamma = partial, *dbeta = dgamma + c;
    for (ptrdiff_t i = 0; i < 2 * c; i++) dgamma[i] = 0;
    for (ptrdiff_t row = 0; row < count; row++, x += c, dy += c, dx += c) {
        const vec at = v_set1(((const real *)means)[row]);
        const double inv_std = (double)((const real *)inverses)[row];
        acc16 first = acc_zero(), second = acc_zero(), off = acc_zero();
        EACH_SIXTEEN(c, {
            const vec g = v_load_n(dy + i, left) * v_load_n(gamma + i, left);
            const vec d = v_load_fill(x + i, left, at) - at;
            first.part[part] = first.part[part] + g;
            second.part[part] = v_fma(g, d, second.part[part]);
            off.part[part] = off.part[part] + d;
        });
        /* The mean was rounded: what it lacks is the mean of d. */
        const double lack = (double)acc_sum(off) / (double)c, sum = (double)acc_sum(first);
        const double product = (double)acc_sum(second) - lack * sum;
        const double slope = -inv_std * inv_std * inv_std * product / (double)c;
        const vec k1 = v_set1((real)inv_std), k2 = v_set1((real)slope);
        const vec k3 = v_set1((real)(-inv_std * sum / (double)c - lack * slope));
        const vec shift = v_set1((real)(-lack * inv_std));
        EACH_VECTOR(c, {
            const vec g = v_load_n(dy + i, left), d = v_load_n(x + i, left) - at;
            const vec z = v_fma(d, k1, shift);
            v_store_n(dx + i, v_fma(g * v_load_n(gamma + i, left), k1, v_fma(d, k2, k3)), left);
            v_store_n(dgamma + i, v_fma(g, z, v_load_n(dgamma + i, left)), left);
            v_store_n(dbeta + i, v_load_n(dbeta + i, left) + g, left);
        });
    }
}

const pl_norm_kernels PL_KERNEL(norm) = {
    statistics, gradient_sums, fold_statistics, fold_sums,
    normalize,  gradient,      rows,            rows_backward};
