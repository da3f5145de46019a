/* Passes over rows of images for one ISA. The loops are plain: every one is elementwise and the
 * compiler turns it into the vectors of the ISA. */
#include "image/image.h"
#include "simd/simd.h"

/* Pixels of a row whose sources are worked out before they are read: 5 KiB on the stack. */
enum { PIXELS = 256 };

static void fill(double value, void *to, ptrdiff_t n) {
    real *y = to;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (real)value;
}

/* c is a constant where this is inlined, but in the last case. */
PL_INLINE void pick_pixels(const real *row, const int32_t *columns, real value, ptrdiff_t c, real *y,
                           ptrdiff_t n) {
    for (ptrdiff_t q = 0; q < n; q++)
        for (ptrdiff_t k = 0; k < c; k++)
            y[q * c + k] = columns[q] < 0 ? value : row[columns[q] * c + k];
}

static void pick(const void *row, const int32_t *columns, double value, ptrdiff_t c, void *y,
                 ptrdiff_t n) {
    if (c == 1)
        pick_pixels(row, columns, (real)value, 1, y, n);
    else if (c == 3)
        pick_pixels(row, columns, (real)value, 3, y, n);
    else
        pick_pixels(row, columns, (real)value, c, y, n);
}

/* ---- bilinear -------------------------------------------------------------------------------- */

/* The largest whole number not above x, |x| < 2^31. */
PL_INLINE int32_t floor_of(double x) {
    const int32_t towards_zero = (int32_t)x;
    return towards_zero - ((double)towards_zero > x);
}

/* A coordinate brought into the framed image of `size` pixels; -1 and `size` lie in the frame. */
PL_INLINE double bring_in(double x, double size, const int border) {
    if (border == PL_BORDER_CONSTANT) {
        x = x < -1.0 ? -1.0 : x;
        return x > size ? size : x;
    }
    const double last = size - 1.0;
    if (border == PL_BORDER_EDGE) {
        x = x < 0.0 ? 0.0 : x;
        return x > last ? last : x;
    }
    const double period = last > 0.0 ? last + last : 1.0;
    x = x < 0.0 ? -x : x;
    x = x - period * (double)floor_of(x * (1.0 / period));
    x = x > last ? period - x : x;
    x = x > 0.0 ? x : 0.0;
    return x > last ? last : x;
}

/* Offsets of the upper left neighbours and the weights of the lower and the right ones. */
PL_INLINE void locate(const pl_image_frame *frame, const int border, const pl_image_line *line,
                      ptrdiff_t first, int32_t *offset, real *down, real *right, ptrdiff_t n) {
    const double h = (double)frame->h, w = (double)frame->w;
    const int32_t pitch = (int32_t)(frame->w + PL_FRAME), from = (int32_t)first;
    for (int32_t q = 0; q < (int32_t)n; q++) {
        const double at = (double)(from + q);
        const double row = bring_in(line->row + at * line->row_step, h, border);
        const double column = bring_in(line->column + at * line->column_step, w, border);
        const int32_t i = floor_of(row), j = floor_of(column);
        down[q] = (real)(row - (double)i);
        right[q] = (real)(column - (double)j);
        offset[q] = (i + PL_FRAME_BEFORE) * pitch + j + PL_FRAME_BEFORE;
    }
}

PL_INLINE void blend(const real *x, const int32_t *offset, const real *down, const real *right,
                     ptrdiff_t pitch, ptrdiff_t c, real *y, ptrdiff_t n) {
    for (ptrdiff_t q = 0; q < n; q++) {
        const real *upper = x + (ptrdiff_t)offset[q] * c, *lower = upper + pitch * c;
        for (ptrdiff_t k = 0; k < c; k++) {
            const real above = upper[k] + right[q] * (upper[c + k] - upper[k]);
            const real below = lower[k] + right[q] * (lower[c + k] - lower[k]);
            y[q * c + k] = above + down[q] * (below - above);
        }
    }
}

static void sample(const void *framed, const pl_image_frame *frame, const pl_image_line *line,
                   ptrdiff_t first, void *to, ptrdiff_t n) {
    const ptrdiff_t pitch = frame->w + PL_FRAME, c = frame->c;
    int32_t offset[PIXELS];
    real down[PIXELS], right[PIXELS];
    for (ptrdiff_t q = 0; q < n; q += PIXELS) {
        const ptrdiff_t count = pl_min(PIXELS, n - q);
        real *y = (real *)to + q * c;
        switch (frame->border) {
        case PL_BORDER_CONSTANT:
            locate(frame, PL_BORDER_CONSTANT, line, first + q, offset, down, right, count);
            break;
        case PL_BORDER_EDGE:
            locate(frame, PL_BORDER_EDGE, line, first + q, offset, down, right, count);
            break;
        default: locate(frame, PL_BORDER_REFLECT, line, first + q, offset, down, right, count);
        }
        if (c == 1)
            blend(framed, offset, down, right, pitch, 1, y, count);
        else if (c == 3)
            blend(framed, offset, down, right, pitch, 3, y, count);
        else
            blend(framed, offset, down, right, pitch, c, y, count);
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static double sum(const void *array, ptrdiff_t n) {
    const real *x = array;
    double part[16] = {0};
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int j = 0; j < 16; j++) part[j] += (double)x[i + j];
    for (int j = 0; i < n; i++, j++) part[j] += (double)x[i];
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) part[j] += part[j + half];
    return part[0];
}

/* NaN stays NaN. */
PL_INLINE real clip(real x, real low, real high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

static void adjust(const void *from, double factor, double offset, double low, double high, void *to,
                   ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const real k = (real)factor, b = (real)offset, least = (real)low, most = (real)high;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = clip(x[i] * k + b, least, most);
}

static void add_noise(const void *from, const double *noise, double low, double high, void *to,
                      ptrdiff_t n) {
    const real *x = from;
    real *y = to;
    const real least = (real)low, most = (real)high;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = clip((real)((double)x[i] + noise[i]), least, most);
}

static void mix(const void *first, const void *second, double weight, void *to, ptrdiff_t n) {
    const real *a = first, *b = second;
    real *y = to;
    const real w = (real)weight, rest = 1 - w;
    for (ptrdiff_t i = 0; i < n; i++) y[i] = a[i] * w + b[i] * rest;
}

const pl_image_kernels PL_KERNEL(image) = {
    .pick = pick,
    .fill = fill,
    .sample = sample,
    .sum = sum,
    .adjust = adjust,
    .add_noise = add_noise,
    .mix = mix,
};
