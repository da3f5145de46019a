/* The pooling kernels: lanes run over channels, or over the channels of several neighbouring pixels
 * where there are few. Leaves: no threads, no malloc, no CPU check. */
#ifndef PL_POOL_H
#define PL_POOL_H

#include "common/common.h"

/* Where the lanes of a vector come from when it holds several windows of few channels that lie two
 * pixels apart, for any number of lanes up to 16. */
typedef struct {
    int32_t pick[16];   /* lane i of the windows' first taps, in elements from the first window */
    int32_t back[32];   /* element e of a row of taps 0 and 1 in turn: the lane of its window */
    int32_t column[32]; /* and its tap, 0 or 1 */
} pl_narrow;

/* A run of neighbouring windows in one output row, or in several, whose taps inside the image are the same.
 * Window i starts (with its first tap inside) at i * step, tap (r, s) lies at r * row + s * pixel
 * from there and has the number first + r * next_row + s in the full window. */
typedef struct {
    ptrdiff_t windows;          /* how many */
    ptrdiff_t rows, columns;    /* taps inside the image */
    ptrdiff_t step, row, pixel; /* elements; pixel = channels */
    ptrdiff_t first, next_row;
    ptrdiff_t taps;          /* what an average divides by */
    const pl_narrow *narrow; /* NULL when there are more than 8 channels */
    ptrdiff_t lines;         /* rows of windows, of which this is the first */
    ptrdiff_t image_line, pooled_line; /* elements from one to the next */
    int dead;                /* unless 0, the number where the largest is not above 0 */
    int stream;              /* the output goes past the caches: aligned to 64 bytes, and
                              * pixel * sizeof(element) is a multiple of 64 */
} pl_windows;

typedef struct {
    /* y[i] = the largest tap of window i, argmax[i] = its number: the first of equals, the last
     * NaN. argmax is uint8 or, in the wide kernels, int32. */
    void (*largest)(const void *x, const pl_windows *g, void *y, void *argmax);
    void (*largest_wide)(const void *x, const pl_windows *g, void *y, void *argmax);
    /* dx[tap] = dy[i] where the tap has the number argmax[i], else 0, for every tap inside. */
    void (*route)(const void *dy, const void *argmax, const pl_windows *g, void *dx);
    void (*route_wide)(const void *dy, const void *argmax, const pl_windows *g, void *dx);
    /* The same, added to dx. */
    void (*route_add)(const void *dy, const void *argmax, const pl_windows *g, void *dx);
    void (*route_add_wide)(const void *dy, const void *argmax, const pl_windows *g, void *dx);
    /* y[i] = sum of the taps / taps: one chain in pieces of 256 taps, the pieces added in order. */
    void (*average)(const void *x, const pl_windows *g, void *y);
    /* dx[tap] = dy[i] / taps; the same, added to dx. */
    void (*spread)(const void *dy, const pl_windows *g, void *dx);
    void (*spread_add)(const void *dy, const pl_windows *g, void *dx);
    void (*fence)(void); /* after the last streamed output of a task */
} pl_pool_kernels;

const pl_pool_kernels *pl_pool_select(int dtype);

/* The windows of one output row that tile rows of w pixels, without gap or overlap; `narrow` is
 * filled and used where channels are few. */
pl_windows pl_tiling_windows(ptrdiff_t w, ptrdiff_t c, ptrdiff_t kh, ptrdiff_t kw, pl_narrow *narrow);

#endif
