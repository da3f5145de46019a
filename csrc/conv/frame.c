/* Windows onto images, and how they are walked. */
#include <string.h>

#include "conv/conv.h"

/* A band of about this many bytes leaves room for a panel of weights in a 1 MB L2. */
enum { BAND_BYTES = 384 * 1024 };

ptrdiff_t pl_band_rows(ptrdiff_t rows, ptrdiff_t row_bytes, ptrdiff_t images, int workers) {
    ptrdiff_t band = pl_max(1, pl_min(rows, BAND_BYTES / pl_max(row_bytes, 1)));
    while (workers > 1 && band > 4 && images * pl_ceil_div(rows, band) < 8 * workers) band = pl_ceil_div(band, 2);
    return pl_ceil_div(rows, pl_ceil_div(rows, band));
}

pl_window pl_window_of(const pl_conv_shape *s, ptrdiff_t first_row, ptrdiff_t rows) {
    return (pl_window){first_row * s->stride_h - s->pad_top, -s->pad_left,
                       (rows - 1) * s->stride_h + (s->kh - 1) * s->dilation_h + 1,
                       (s->ow - 1) * s->stride_w + (s->kw - 1) * s->dilation_w + 1};
}

pl_frame pl_frame_of(const void *image, ptrdiff_t h, ptrdiff_t w, ptrdiff_t c, pl_window window,
                     size_t item, void *space) {
    const size_t pixel = (size_t)c * item;
    if (!space)
        return (pl_frame){(const char *)image + (size_t)(window.y0 * w + window.x0) * pixel, w * c};
    const ptrdiff_t left = pl_min(window.width, pl_max(0, -window.x0));
    const ptrdiff_t end = pl_max(left, pl_min(window.width, w - window.x0));
    const size_t row_bytes = (size_t)window.width * pixel;
    char *to = space;
    for (ptrdiff_t y = window.y0; y < window.y0 + window.height; y++, to += row_bytes) {
        if (y < 0 || y >= h || left == end) {
            memset(to, 0, row_bytes);
            continue;
        }
        memset(to, 0, (size_t)left * pixel);
        memcpy(to + (size_t)left * pixel,
               (const char *)image + (size_t)(y * w + window.x0 + left) * pixel,
               (size_t)(end - left) * pixel);
        memset(to + (size_t)end * pixel, 0, (size_t)(window.width - end) * pixel);
    }
    return (pl_frame){space, window.width * c};
}

void pl_join_runs(pl_walk *walk, ptrdiff_t *offset) {
    ptrdiff_t joint = 1; /* pieces that the first run joins */
    while (joint < walk->runs && offset[joint] == offset[joint - 1] + walk->run) joint++;
    if (joint == 1 || walk->runs % joint != 0) return;
    for (ptrdiff_t t = 0; t < walk->runs; t++)
        if (t % joint != 0 && offset[t] != offset[t - 1] + walk->run) return;
    walk->runs /= joint;
    walk->run *= joint;
    for (ptrdiff_t t = 0; t < walk->runs; t++) offset[t] = offset[t * joint];
}

pl_soon pl_soon_of(const pl_conv_shape *s, const void *x, const void *dy, size_t item, ptrdiff_t images,
                   ptrdiff_t image, ptrdiff_t row, ptrdiff_t rows) {
    const ptrdiff_t bytes = (ptrdiff_t)item;
    if (row + rows >= s->oh) {
        image++;
        row = -rows;
    }
    row += rows;
    rows = pl_min(rows, s->oh - row);
    const ptrdiff_t top = pl_min(s->h, pl_max(0, row * s->stride_h - s->pad_top));
    const ptrdiff_t x_row = s->w * s->c * bytes, dy_row = s->ow * s->k * bytes;
    pl_soon soon = {{(const char *)dy, (const char *)x}, {0, 0}};
    if (image >= images || rows * (dy_row + s->stride_h * x_row) > PL_SOON_BYTES) return soon;
    soon.memory[0] += (image * s->oh + row) * dy_row;
    soon.memory[1] += (image * s->h + top) * x_row;
    soon.bytes[0] = rows * dy_row;
    soon.bytes[1] = pl_min(rows * s->stride_h, s->h - top) * x_row;
    return soon;
}
