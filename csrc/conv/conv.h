/* Convolution, channels last: shared by the three directions.
 *
 *   y[n, oy, ox, k] = sum over r, s, c of
 *       x[n, oy*stride_h + r*dilation_h - pad_top, ox*stride_w + s*dilation_w - pad_left, c] * w[r, s, c, k]
 *
 * x is (n, h, w, c), w is (kh, kw, c/groups, k), y is (n, oh, ow, k). */
#ifndef PL_CONV_H
#define PL_CONV_H

#include "gemm/gemm.h"

/* Gradients of filters: with at most so many weights the images are cut into so many parts, whose sums
 * are added in order. */
enum { PL_CONV_CHUNKS = 8, PL_CONV_SMALL_FILTERS = 65536 };

/* A window onto an image, zeros where it reaches past the border. */
typedef struct {
    const char *pixels;
    ptrdiff_t row; /* elements from one row of the window to the next */
} pl_frame;

typedef struct {
    ptrdiff_t y0, x0, height, width; /* the window, in pixels of the image; may lie partly outside */
} pl_window;

/* What `rows` rows of a result, from `first_row` on, see of the input. */
pl_window pl_window_of(const pl_conv_shape *s, ptrdiff_t first_row, ptrdiff_t rows);

/* The window of `image` (h, w, c): a copy in `space`, which holds height * width * c elements, or
 * with space == NULL a pointer into the image, for windows that lie inside it. */
pl_frame pl_frame_of(const void *image, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, pl_window window,
                     size_t item, void *space);

/* True when every window of this kind lies inside the image, so no space is needed. */
PL_INLINE int pl_window_inside(pl_window window, ptrdiff_t h, ptrdiff_t w) {
    return window.y0 >= 0 && window.x0 >= 0 && window.y0 + window.height <= h &&
           window.x0 + window.width <= w;
}

/* Joins pieces that follow each other in memory: `offset` holds `runs` offsets of pieces of `run`
 * elements; the longest joint run that is the same for all pieces is kept. */
void pl_join_runs(pl_walk *walk, ptrdiff_t *offset);

/* How many output rows a band of work takes, so that a window of `row_bytes` a row stays in L2, and that
 * several workers have eight bands each, however few the images. */
ptrdiff_t pl_band_rows(ptrdiff_t rows, ptrdiff_t row_bytes, ptrdiff_t images, int workers);

/* A call that moves more bytes than a usual last-level cache holds writes its result, pixels of
 * `row_bytes`, past the caches: they would lose it before it is read. */
PL_INLINE int pl_streams(const void *result, ptrdiff_t row_bytes, ptrdiff_t bytes) {
    return bytes > 32 << 20 && (uintptr_t)result % 64 == 0 && row_bytes % 64 == 0;
}

/* Asks for memory that the next tile reads. */
PL_INLINE void pl_prefetch(const void *memory, ptrdiff_t bytes) {
    for (ptrdiff_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)memory + i, 0, 2);
}

/* So much of what is read next has room in L2 beside a band. */
enum { PL_SOON_BYTES = 256 * 1024 };

/* What the next band of a gradient of filters reads, and how much of it is not asked for yet. */
typedef struct {
    const char *memory[2];
    ptrdiff_t bytes[2];
} pl_soon;

/* x and dy of the band of `rows` rows that follows row `row` of `image`: none behind the last image
 * (before `images`), or where they would drive the present band out of L2. */
pl_soon pl_soon_of(const pl_conv_shape *s, const void *x, const void *dy, size_t item, ptrdiff_t images,
                   ptrdiff_t image, ptrdiff_t row, ptrdiff_t rows);

/* Gives a kernel call that walks over `pixels` its share: a line for each pixel at most. */
PL_INLINE void pl_ask_for(pl_soon *soon, pl_pixels *pixels) {
    const int which = soon->bytes[0] <= 0;
    const ptrdiff_t share = pl_min(64 * pixels->inner * pixels->outer, soon->bytes[which]);
    pixels->soon = soon->memory[which];
    pixels->soon_row = share > 0 ? share / pixels->outer : 0;
    soon->memory[which] += share;
    soon->bytes[which] -= share;
}

PL_INLINE ptrdiff_t pl_floor_div(ptrdiff_t a, ptrdiff_t b) {
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

#endif
