/* The column matrix of a convolution and its adjoint. Row (n, oy, ox) holds the window of that output
 * pixel as (kh, kw, c); positions in the padding are 0. */
#include <string.h>

#include "conv/conv.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

typedef struct {
    const pl_im2col_args *args;
    size_t item;
    const pl_reduce_kernels *reduce;
} columns_job;

/* Input coordinate of tap t of output o. */
static ptrdiff_t input_at(ptrdiff_t o, ptrdiff_t stride, ptrdiff_t t, ptrdiff_t dilation, ptrdiff_t pad) {
    return o * stride + t * dilation - pad;
}

static void gather_rows(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const columns_job *job = context;
    const pl_conv_shape *s = &job->args->shape;
    const size_t pixel = (size_t)s->c * job->item;
    char *to = (char *)job->args->target + (size_t)(begin * s->ow * s->kh * s->kw) * pixel;
    for (ptrdiff_t row = begin; row < end; row++) {
        const char *image = (const char *)job->args->source + (size_t)(row / s->oh * s->h * s->w) * pixel;
        for (ptrdiff_t ox = 0; ox < s->ow; ox++)
            for (ptrdiff_t r = 0; r < s->kh; r++) {
                const ptrdiff_t y = input_at(row % s->oh, s->stride_h, r, s->dilation_h, s->pad_top);
                for (ptrdiff_t q = 0; q < s->kw; q++, to += pixel) {
                    const ptrdiff_t x = input_at(ox, s->stride_w, q, s->dilation_w, s->pad_left);
                    if (y >= 0 && y < s->h && x >= 0 && x < s->w)
                        memcpy(to, image + (size_t)(y * s->w + x) * pixel, pixel);
                    else
                        memset(to, 0, pixel);
                }
            }
    }
}

static void scatter_images(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    (void)thread;
    const columns_job *job = context;
    const pl_conv_shape *s = &job->args->shape;
    const size_t pixel = (size_t)s->c * job->item;
    const char *from = (const char *)job->args->source + (size_t)(begin * s->oh * s->ow * s->kh * s->kw) * pixel;
    for (ptrdiff_t n = begin; n < end; n++) {
        char *image = (char *)job->args->target + (size_t)(n * s->h * s->w) * pixel;
        memset(image, 0, (size_t)(s->h * s->w) * pixel);
        for (ptrdiff_t oy = 0; oy < s->oh; oy++)
            for (ptrdiff_t ox = 0; ox < s->ow; ox++)
                for (ptrdiff_t r = 0; r < s->kh; r++) {
                    const ptrdiff_t y = input_at(oy, s->stride_h, r, s->dilation_h, s->pad_top);
                    for (ptrdiff_t q = 0; q < s->kw; q++, from += pixel) {
                        const ptrdiff_t x = input_at(ox, s->stride_w, q, s->dilation_w, s->pad_left);
                        if (y >= 0 && y < s->h && x >= 0 && x < s->w)
                            job->reduce->add(from, image + (size_t)(y * s->w + x) * pixel, s->c);
                    }
                }
    }
}

int pl_im2col(const void *args) {
    const pl_im2col_args *a = args;
    const pl_conv_shape *s = &a->shape;
    columns_job job = {a, pl_item_size(a->dtype), NULL};
    const ptrdiff_t rows = s->n * s->oh;
    const double copied = (double)(rows * s->ow) * (double)(s->kh * s->kw * s->c);
    pl_parallel_for(rows, pl_workers(rows, copied * 0.3), gather_rows, &job);
    return PL_OK;
}

int pl_col2im(const void *args) {
    const pl_im2col_args *a = args;
    const pl_conv_shape *s = &a->shape;
    columns_job job = {a, pl_item_size(a->dtype), pl_reduce_select(a->dtype)};
    const double added = (double)(s->n * s->oh * s->ow) * (double)(s->kh * s->kw * s->c);
    pl_parallel_for(s->n, pl_workers(s->n, added * 0.6), scatter_images, &job);
    return PL_OK;
}
