/* Which algorithm computes a convolution: an ordered list of candidates, each of which may refuse
 * with a reason. The choice depends on the shape, the element type and the request only. */
#include <stddef.h>

#include "conv/conv.h"
#include "conv/few_filters.h"

/* Below these sizes the transforms cost more than the products save (measured); filters that need not be
 * turned first repay it with half as many outputs. */
enum { LEAST_CHANNELS = 32, LEAST_OUTPUTS = 128 };

/* Beyond, the general tiles are as fast (measured). */
enum { MOST_CHANNELS = 8, MOST_OF_FEW_FILTERS = 4 };

static const char *refuse_winograd(int dtype, const pl_conv_shape *s, int direction, int requested) {
    if (dtype != PL_F32) return "float64 is always direct";
    if (s->kh != 3 || s->kw != 3) return "the filter is not 3 x 3";
    if (s->stride_h != 1 || s->stride_w != 1) return "the stride is not 1";
    if (s->dilation_h != 1 || s->dilation_w != 1) return "the filter is dilated";
    if (s->groups != 1) return "the channels are grouped";
    if (s->pad_top > 2 || s->pad_left > 2 || s->oh + 2 - s->pad_top - s->h > 2 ||
        s->ow + 2 - s->pad_left - s->w > 2)
        return "the padding is wider than 2";
    if (s->oh < 1 || s->ow < 1) return "the output is empty";
    if (requested == PL_CONV_WINOGRAD) return NULL;
    if (s->c < LEAST_CHANNELS || s->k < LEAST_CHANNELS) return "fewer than 32 channels or filters";
    const ptrdiff_t tiles = pl_ceil_div(s->oh, 4) * pl_ceil_div(s->ow, 4);
    if (tiles * 16 > 2 * s->oh * s->ow) return "more than half of the 4 x 4 tiles would be waste";
    if (s->n * s->oh * s->ow < (direction == PL_FORWARD ? LEAST_OUTPUTS / 2 : LEAST_OUTPUTS))
        return "too few outputs to repay the transform of the filters";
    return NULL;
}

static const char *refuse_im2col(int dtype, const pl_conv_shape *s, int direction, int requested) {
    (void)dtype;
    if (requested != PL_CONV_IM2COL) return "it writes the column matrix; only on request";
    if (direction != PL_FORWARD) return "gradients would be added in another order";
    if (s->groups != 1) return "the channels are grouped";
    return NULL;
}

static const char *refuse_few_channels(int dtype, const pl_conv_shape *s, int direction, int requested) {
    (void)dtype;
    if (s->groups != 1) return "the channels are grouped";
    if (direction != PL_FORWARD && s->dilation_w != 1) return "the filter is dilated";
    if (direction == PL_BACKWARD_WEIGHTS && s->kh * s->kw * s->c * s->k > PL_CONV_SMALL_FILTERS)
        return "more than 65536 weights";
    if (requested == PL_CONV_FEW_CHANNELS) return NULL;
    if (s->c > MOST_CHANNELS) return "more than 8 channels";
    return NULL;
}

static const char *refuse_few_filters(int dtype, const pl_conv_shape *s, int direction, int requested) {
    (void)dtype, (void)requested;
    if (s->groups != 1) return "the channels are grouped";
    if (direction == PL_BACKWARD_DATA) { /* filters and channels change places */
        if (s->k > MOST_CHANNELS) return "more than 8 filters";
        if (s->c > MOST_OF_FEW_FILTERS) return "more than 4 channels";
    } else {
        if (s->c > MOST_CHANNELS) return "more than 8 channels";
        if (s->k > PL_FEW_FILTERS) return "more than 10 filters";
    }
    if (direction != PL_BACKWARD_WEIGHTS && (s->stride_h != 1 || s->stride_w != 1)) return "the stride is not 1";
    if (direction == PL_BACKWARD_WEIGHTS && (s->dilation_h != 1 || s->dilation_w != 1))
        return "the filter is dilated";
    if (direction == PL_BACKWARD_WEIGHTS && s->kh * s->kw * s->c * s->k > PL_CONV_SMALL_FILTERS)
        return "more than 65536 weights";
    return NULL;
}

static const char *refuse_depthwise(int dtype, const pl_conv_shape *s, int direction, int requested) {
    (void)dtype, (void)direction, (void)requested;
    if (s->groups == 1) return "the channels are not grouped";
    if (s->groups != s->c) return "a group has more than one channel";
    return NULL;
}

static const char *accept(int dtype, const pl_conv_shape *s, int direction, int requested) {
    (void)dtype, (void)s, (void)direction, (void)requested;
    return NULL;
}

static const struct {
    int algorithm;
    const char *name;
    const char *(*refuse)(int dtype, const pl_conv_shape *s, int direction, int requested);
} candidates[] = {
    {PL_CONV_IM2COL, "im2col", refuse_im2col},
    {PL_CONV_WINOGRAD, "winograd f(4x4,3x3)", refuse_winograd},
    {PL_CONV_FEW_FILTERS, "direct (few filters)", refuse_few_filters},
    {PL_CONV_DEPTHWISE, "direct (depthwise)", refuse_depthwise},
    {PL_CONV_FEW_CHANNELS, "direct (few channels)", refuse_few_channels},
    {PL_CONV_IMPLICIT_GEMM, "direct (implicit gemm)", accept},
};
enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

int pl_conv_candidate(int index, int dtype, const pl_conv_shape *shape, int direction, int requested,
                      const char **name, const char **refusal) {
    if (index < 0 || index >= CANDIDATES) return -1;
    *name = candidates[index].name;
    const int algorithm = candidates[index].algorithm;
    const int direct = algorithm != PL_CONV_WINOGRAD && algorithm != PL_CONV_IM2COL;
    const int meant = requested == algorithm || requested == PL_CONV_AUTO ||
                      (requested == PL_CONV_DIRECT && direct) || algorithm == PL_CONV_IMPLICIT_GEMM;
    *refusal = candidates[index].refuse(dtype, shape, direction, requested);
    if (!meant && !*refusal) *refusal = "another algorithm was requested";
    return algorithm;
}

int pl_conv_algorithm(int dtype, const pl_conv_shape *shape, int direction, int requested) {
    const char *name, *refusal;
    for (int i = 0; i < CANDIDATES; i++) {
        const int algorithm = pl_conv_candidate(i, dtype, shape, direction, requested, &name, &refusal);
        if (!refusal) return algorithm;
    }
    return PL_CONV_IMPLICIT_GEMM;
}
