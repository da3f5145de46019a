/* Transposed convolution: the gradient of a convolution with respect to its input, as a layer. Then
 * scale, bias and activation, in a second pass over the result. */
#include "conv/conv.h"
#include "eltwise/eltwise.h"
#include "reduce/reduce.h"
#include "threading/threading.h"

/* Pixels that get their bias and then their activation, while they are in cache. */
enum { BLOCK = 64 };

static void finish_blocks(void *context, ptrdiff_t begin, ptrdiff_t end, int thread) {
    const pl_conv_transpose2d_args *a = context;
    const pl_conv_shape *s = &a->data.shape;
    const pl_reduce_kernels *reduce = pl_reduce_select(a->data.dtype);
    const ptrdiff_t pixel = s->c * (ptrdiff_t)pl_item_size(a->data.dtype);
    (void)thread;
    for (ptrdiff_t block = begin; block < end; block++) {
        const ptrdiff_t first = block * BLOCK, last = pl_min(first + BLOCK, s->n * s->h * s->w);
        char *y = (char *)a->data.dx + first * pixel;
        if (a->scale)
            for (ptrdiff_t i = 0; i < last - first; i++)
                reduce->scale_add(a->scale, a->bias, y + i * pixel, s->c);
        else if (a->bias)
            for (ptrdiff_t i = 0; i < last - first; i++) reduce->add(a->bias, y + i * pixel, s->c);
        if (a->activation != PL_LINEAR)
            pl_activate(a->data.dtype, a->activation, PL_FUSED_ALPHA, y, (last - first) * s->c);
    }
}

int pl_conv_transpose2d(const void *args) {
    const pl_conv_transpose2d_args *a = args;
    const pl_conv_shape *s = &a->data.shape;
    const int status = pl_conv2d_backward_data(&a->data);
    if (status != PL_OK || (!a->bias && a->activation == PL_LINEAR)) return status;
    const ptrdiff_t blocks = pl_ceil_div(s->n * s->h * s->w, BLOCK);
    const double elements = (double)s->n * (double)(s->h * s->w * s->c);
    pl_parallel_for(blocks, pl_workers(blocks, 0.2 * elements), finish_blocks, (void *)a);
    return PL_OK;
}
