/* Augmentation of image batches (n, h, w, c): crop and flip, affine maps, boxes, mixing, noise,
 * brightness and contrast.
 *
 * The leaf's passes below work on one row or one image. No FMA and no sum across lanes (but for the
 * sixteen partial sums of `sum`), so all ISAs and src/pellucid/kernels/reference/image.py give the
 * same bits. */
#ifndef PL_IMAGE_H
#define PL_IMAGE_H

#include "common/common.h"

/* The image of an affine pass with a frame around it: one pixel above and to the left, two below and
 * to the right, so that the four neighbours of any point in [-1, h] x [-1, w] can be read. */
enum { PL_FRAME_BEFORE = 1, PL_FRAME_AFTER = 2, PL_FRAME = PL_FRAME_BEFORE + PL_FRAME_AFTER };

/* Source point of column q: (row + q * row_step, column + q * column_step). */
typedef struct {
    double row, row_step, column, column_step;
} pl_image_line;

typedef struct {
    ptrdiff_t h, w, c;
    int border;
} pl_image_frame;

typedef struct {
    /* y[q] = row[columns[q]], pixels of c numbers; `fill` where columns[q] < 0. */
    void (*pick)(const void *row, const int32_t *columns, double fill, ptrdiff_t c, void *y,
                 ptrdiff_t n);
    void (*fill)(double value, void *y, ptrdiff_t n);
    /* y (n, c): bilinear samples of `framed` (h + 3, w + 3, c) at the columns first, first + 1 ... */
    void (*sample)(const void *framed, const pl_image_frame *frame, const pl_image_line *line,
                   ptrdiff_t first, void *y, ptrdiff_t n);
    /* Element i goes to sum i % 16; one fixed tree adds them. In float64. */
    double (*sum)(const void *x, ptrdiff_t n);
    /* y = clip(x * factor + offset), clip(x + noise), a * weight + b * (1 - weight) */
    void (*adjust)(const void *x, double factor, double offset, double low, double high, void *y,
                   ptrdiff_t n);
    void (*add_noise)(const void *x, const double *noise, double low, double high, void *y,
                      ptrdiff_t n);
    void (*mix)(const void *a, const void *b, double weight, void *y, ptrdiff_t n);
} pl_image_kernels;

const pl_image_kernels *pl_image_select(int dtype);

#endif
