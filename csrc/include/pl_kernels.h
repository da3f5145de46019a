/* Everything that the Cython module may call: plain structs and prototypes.
 *
 * Every compute function has the form  int pl_<op>(const void *args)  and takes a pointer to its
 * own struct, so that a call can be kept and repeated (see csrc/README.md, "Prepared calls"). It
 * returns PL_OK or PL_NO_MEMORY (then no output was written in part: nothing was written at all).
 * Arrays are C-contiguous, channels last, aligned to their element; inputs are never written;
 * outputs do not overlap inputs unless a comment allows it. `dtype` is PL_F32 or PL_F64 and holds
 * for all void pointers of the struct. */
#ifndef PL_KERNELS_H
#define PL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { PL_F32 = 0, PL_F64 = 1, PL_U8 = 2 };
enum { PL_OK = 0, PL_NO_MEMORY = 1, PL_UNSUPPORTED = 2 };
enum { PL_MAX_THREADS = 64, PL_DEFAULT_GRAIN = 15000 };

typedef enum { PL_PORTABLE, PL_NEON, PL_AVX2, PL_AVX512, PL_ISAS } pl_isa;

/* Up to PL_TANH other ops apply them to their results: y = act(chain + bias). */
typedef enum {
    PL_LINEAR,
    PL_RELU,
    PL_LEAKY_RELU,
    PL_SIGMOID,
    PL_TANH,
    PL_ELU,
    PL_SELU,
    PL_SOFTPLUS,
    PL_GELU,
    PL_SILU,
    PL_MISH,
    PL_HARD_SWISH,
    PL_ACTIVATIONS
} pl_activation_kind;

/* The slope of a fused PL_LEAKY_RELU. */
#define PL_FUSED_ALPHA 0.01

/* ---- cpu ------------------------------------------------------------------------------------ */
const char *pl_isa_name(pl_isa isa);
int pl_isa_runs(pl_isa isa);
pl_isa pl_isa_active(void);
int pl_isa_use(pl_isa isa); /* PL_UNSUPPORTED when it does not run here */

/* Variant number `index` of an op ("gemm", ...) as listed in csrc/<op>/<op>_kernels.inc, best first.
 * Returns 0 past the end or for an unknown op. */
const char *pl_op_at(int index); /* the ops that have variants, NULL past the end */
int pl_variant_at(const char *op, int index, pl_isa *isa, int *dtype, const char **name);

/* ---- threads -------------------------------------------------------------------------------- */
int pl_threads(void);
void pl_threads_use(int count);          /* clamped to 1 .. PL_MAX_THREADS */
long pl_grain_use(long nanoseconds);     /* least estimated work that opens a region; the former */
int pl_last_region_threads(void);        /* threads that the last region really had */

/* ---- measure -------------------------------------------------------------------------------- */
double pl_seconds(void); /* of a clock that only goes forward */

/* GFLOP/s of multiply-adds in registers, the best within `budget` seconds. */
double pl_fma_peak(int dtype, int threads, double budget);

/* y = x */
typedef struct {
    int dtype;
    ptrdiff_t count;
    const void *x;
    void *y;
} pl_copy_args;
int pl_copy(const void *args);

/* ---- gemm ----------------------------------------------------------------------------------- */
/* c[m, n] = act(op(a)[m, k] @ op(b)[k, n] * scale[n] + bias[n]); one FMA chain over k for each output,
 * one FMA for scale and bias. scale is 1 where NULL, and given only with a bias. lda, ldb, ldc are row
 * strides in elements of the arrays as stored. With trans_a neither is applied, nor an activation. */
typedef struct {
    int dtype, trans_a, trans_b, activation;
    ptrdiff_t m, n, k, lda, ldb, ldc;
    const void *a, *b, *scale, *bias; /* scale or both may be NULL */
    void *c;
} pl_gemm_args;
int pl_gemm(const void *args);

/* y[n] = sum over i < m of x[i, n]: the gradient of a bias. */
typedef struct {
    int dtype;
    ptrdiff_t m, n;
    const void *x;
    void *y;
} pl_column_sums_args;
int pl_column_sums_call(const void *args);

/* ---- conv ----------------------------------------------------------------------------------- */
/* x (n, h, w, c), weights (kh, kw, c / groups, k), y (n, oh, ow, k). Padding below and to the right
 * follows from oh and ow. */
typedef struct {
    ptrdiff_t n, h, w, c, kh, kw, oh, ow, k;
    ptrdiff_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups;
} pl_conv_shape;

/* Algorithms, directions, and the candidates in order of preference: name, and the reason why one
 * refuses this shape (NULL: it accepts). -1 past the end. The first that accepts computes. */
enum {
    PL_CONV_AUTO,
    PL_CONV_DIRECT, /* as a request: the best of the direct family, which is the rest of this list */
    PL_CONV_WINOGRAD,
    PL_CONV_IM2COL,
    PL_CONV_IMPLICIT_GEMM,
    PL_CONV_FEW_CHANNELS,
    PL_CONV_FEW_FILTERS,
    PL_CONV_DEPTHWISE
};
enum { PL_FORWARD, PL_BACKWARD_DATA, PL_BACKWARD_WEIGHTS };
int pl_conv_candidate(int index, int dtype, const pl_conv_shape *shape, int direction, int requested,
                      const char **name, const char **refusal);
int pl_conv_algorithm(int dtype, const pl_conv_shape *shape, int direction, int requested);

/* y = act(conv(x, weights) * scale + bias); chain over (kh, kw, c), then as in gemm. `algorithm` is a request; im2col is the
 * caller's, who has the memory. */
typedef struct {
    int dtype, activation, algorithm;
    pl_conv_shape shape;
    const void *x, *weights, *scale, *bias; /* scale or both may be NULL */
    void *y;
} pl_conv2d_args;
int pl_conv2d(const void *args);

/* dx = gradient with respect to x; chain over (kh, kw, k), both filter axes in falling order. */
typedef struct {
    int dtype, algorithm;
    pl_conv_shape shape;
    const void *dy, *weights;
    void *dx;
} pl_conv2d_backward_data_args;
int pl_conv2d_backward_data(const void *args);

/* y = act(dx * scale + bias), dx as above: scale and bias have c values; scale or both may be NULL. */
typedef struct {
    pl_conv2d_backward_data_args data;
    int activation;
    const void *scale, *bias;
} pl_conv_transpose2d_args;
int pl_conv_transpose2d(const void *args);

/* dweights; chain over (n, oh, ow), cut into chunks of images by shape only. */
typedef struct {
    int dtype, algorithm;
    pl_conv_shape shape;
    const void *dy, *x;
    void *dweights;
} pl_conv2d_backward_weights_args;
int pl_conv2d_backward_weights(const void *args);

/* columns (n, oh, ow, kh * kw * c) of x, zeros for padding; and its adjoint, which adds. */
typedef struct {
    int dtype;
    pl_conv_shape shape; /* k and groups are not used */
    const void *source;
    void *target;
} pl_im2col_args;
int pl_im2col(const void *args);
int pl_col2im(const void *args);

/* ---- pool ----------------------------------------------------------------------------------- */
/* Windows (kh, kw) over an image (n, h, w, c); padding holds no elements. Forward reads image and
 * writes pooled (n, oh, ow, c); backward reads pooled (dy) and writes image (dx). argmax, like
 * pooled, is the number of the largest tap in the full window, kh * kw in rows; uint8, or int32 when
 * wide_argmax. With `rectified` (uint8, less than 255 taps) it is PL_NO_PLACE where the largest is not
 * above 0, so that no gradient goes there. Every window holds an element. Global pooling is a window of
 * the size of the image. */
enum { PL_NO_PLACE = 255 };
typedef struct {
    int dtype, wide_argmax, rectified;
    ptrdiff_t n, h, w, c, kh, kw, oh, ow, stride_h, stride_w, pad_top, pad_left;
    void *image, *pooled, *argmax;
} pl_pool_args;
int pl_max_pool2d(const void *args);
int pl_max_pool2d_backward(const void *args);
int pl_avg_pool2d(const void *args);
int pl_avg_pool2d_backward(const void *args);

/* ---- resample ------------------------------------------------------------------------------- */
/* Images (n, h, w, c) to (n, oh, ow, c) and, backward, gradients the other way; the sizes are those
 * of the forward map. Up-sampling: oh and ow are multiples of h and w; PL_BILINEAR takes pixels as
 * areas (their centres lie at i + 1/2) and repeats the edge. PL_ADAPTIVE_AVERAGE: output i is the
 * mean of the inputs from floor(i * in / out) to ceil((i + 1) * in / out), both axes. */
enum { PL_NEAREST, PL_BILINEAR, PL_ADAPTIVE_AVERAGE };
typedef struct {
    int dtype, map, backward;
    ptrdiff_t n, h, w, c, oh, ow;
    const void *source;
    void *target;
} pl_resample_args;
int pl_resample(const void *args);

/* The image at (pad_top, pad_left) of the target, zeros around it; backward cuts it out. */
typedef struct {
    int dtype;
    ptrdiff_t n, h, w, c, oh, ow, pad_top, pad_left;
    const void *source;
    void *target;
} pl_zero_pad_args;
int pl_zero_pad(const void *args);
int pl_zero_pad_backward(const void *args);

/* ---- norm ----------------------------------------------------------------------------------- */
/* x and y are (values, c), the vectors (c). Training: mean and biased variance of every channel,
 * inv_std = 1 / sqrt(variance + epsilon), y = act((x - mean) * inv_std * gamma + beta);
 * running = momentum * running + (1 - momentum) * batch, in place. Inference reads the running values
 * instead and writes y alone. */
typedef struct {
    int dtype, activation;
    ptrdiff_t values, c;
    double momentum, epsilon;
    const void *x, *gamma, *beta;
    void *running_mean, *running_variance;
    void *y, *mean, *inv_std;
} pl_norm_args;
int pl_batch_norm_training(const void *args);
int pl_batch_norm_inference(const void *args);

/* What inference makes of a sum that gets `bias` (NULL: none): sum * scale + shift, with
 * scale = gamma / sqrt(variance + epsilon) and shift = (bias - mean) * scale + beta; all (c). */
typedef struct {
    int dtype;
    ptrdiff_t c;
    double epsilon;
    const void *gamma, *beta, *mean, *variance, *bias;
    void *scale, *shift;
} pl_fold_batch_norm_args;
int pl_fold_batch_norm(const void *args);

/* Gradients of both; `spread` is inv_std after training, the running variance after inference. */
typedef struct {
    int dtype;
    ptrdiff_t values, c;
    double epsilon;
    const void *dy, *x, *gamma, *mean, *spread;
    void *dx, *dgamma, *dbeta;
} pl_norm_backward_args;
int pl_batch_norm_inference_backward(const void *args);
int pl_batch_norm_backward(const void *args);

/* pl_batch_norm_training and max pooling behind it, by windows of kh x kw that tile images of
 * (values / w, w) pixels: y is the pooled result, argmax its places (uint8), PL_NO_PLACE where ReLU
 * left 0. */
typedef struct {
    pl_norm_args norm;
    ptrdiff_t w, kh, kw;
    void *argmax;
} pl_norm_pool_args;
int pl_batch_norm_max_pool2d(const void *args);

/* dy is the gradient of the pooled result. */
typedef struct {
    pl_norm_backward_args norm;
    ptrdiff_t w, kh, kw;
    const void *argmax;
} pl_norm_pool_backward_args;
int pl_batch_norm_max_pool2d_backward(const void *args);

/* Statistics of each sample and group of channels: x and y are (n, positions, c), mean and inv_std
 * (n, groups), groups divides c. Layer normalization, of every row by itself, has groups = 1 and
 * positions = 1; both functions compute that, each well for its own shapes. */
typedef struct {
    int dtype;
    ptrdiff_t n, positions, c, groups;
    double epsilon;
    const void *x, *gamma, *beta;
    void *y, *mean, *inv_std;
} pl_group_norm_args;
int pl_group_norm(const void *args);
int pl_layer_norm(const void *args);

typedef struct {
    int dtype;
    ptrdiff_t n, positions, c, groups;
    const void *dy, *x, *gamma, *mean, *inv_std;
    void *dx, *dgamma, *dbeta;
} pl_group_norm_backward_args;
int pl_group_norm_backward(const void *args);
int pl_layer_norm_backward(const void *args);

/* y[n, position, c] = x[n, position, c] * factors[n, c] */
typedef struct {
    int dtype;
    ptrdiff_t n, positions, c;
    const void *x, *factors;
    void *y;
} pl_scale_channels_args;
int pl_scale_channels(const void *args);

/* ---- eltwise -------------------------------------------------------------------------------- */
/* y = act(x); y may be x. `alpha` is the slope of leaky ReLU, the depth of ELU. */
typedef struct {
    int dtype, kind;
    double alpha;
    ptrdiff_t count;
    const void *x;
    void *y;
} pl_activation_args;
int pl_activation(const void *args);

/* dx = dy * act'(.), where `saved` is the result y, from PL_GELU on the input x; dx may be dy. */
typedef struct {
    int dtype, kind;
    double alpha;
    ptrdiff_t count;
    const void *dy, *saved;
    void *dx;
} pl_activation_backward_args;
int pl_activation_backward(const void *args);

/* y = x > 0 ? x : alpha * x; alpha[i % channels] belongs to element i. */
typedef struct {
    int dtype;
    ptrdiff_t count, channels;
    const void *x, *alpha;
    void *y;
} pl_prelu_args;
int pl_prelu(const void *args);

/* dx = x > 0 ? dy : alpha * dy; dalpha[c] = sum of dy * x over the x <= 0 of channel c. */
typedef struct {
    int dtype;
    ptrdiff_t count, channels;
    const void *dy, *x, *alpha;
    void *dx, *dalpha;
} pl_prelu_backward_args;
int pl_prelu_backward(const void *args);

/* y = exp(x), log(x), erf(x), or log(1 + x) for 0 <= x <= 1. */
enum { PL_EXP, PL_LOG, PL_ERF, PL_LOG1P };
typedef struct {
    int dtype, function;
    ptrdiff_t count;
    const void *x;
    void *y;
} pl_elementary_args;
int pl_elementary(const void *args);

/* Rows of classes > 0: probabilities, or their logarithms. */
typedef struct {
    int dtype, logarithm;
    ptrdiff_t rows, classes;
    const void *x;
    void *y;
} pl_softmax_args;
int pl_softmax(const void *args);

typedef struct {
    int dtype, logarithm;
    ptrdiff_t rows, classes;
    const void *dy, *y;
    void *dx;
} pl_softmax_backward_args;
int pl_softmax_backward(const void *args);

typedef struct {
    int dtype;
    ptrdiff_t rows, classes;
    const void *x;
    int64_t *y;
} pl_argmax_args;
int pl_argmax(const void *args);

/* y[i] = x[i] * scale + offset where word i of Philox (seed, stream; step *counter) is at least
 * threshold (0 .. 2^32), else `dropped`. Bit i % 8 of mask byte i / 8 tells which. Then *counter is
 * counted on. */
typedef struct {
    int dtype;
    uint32_t seed, stream;
    uint64_t threshold;
    double scale, offset, dropped;
    ptrdiff_t count;
    uint64_t *counter;
    const void *x;
    void *y;
    uint8_t *mask;
} pl_dropout_args;
int pl_dropout(const void *args);

typedef struct {
    int dtype;
    double scale;
    ptrdiff_t count;
    const void *dy;
    const uint8_t *mask;
    void *dx;
} pl_dropout_backward_args;
int pl_dropout_backward(const void *args);

/* y[i] = x[i] + std * normal quantile of word i of step *counter, as PL_NORMAL; *counter is counted
 * on. */
typedef struct {
    int dtype;
    uint32_t seed, stream;
    double std;
    ptrdiff_t count;
    uint64_t *counter;
    const void *x;
    void *y;
} pl_gaussian_noise_args;
int pl_gaussian_noise(const void *args);

/* y[row][0..width) = x[row][0..width): `width` bytes of every row, strides in bytes. */
typedef struct {
    ptrdiff_t rows, width, x_stride, y_stride;
    const void *x;
    void *y;
} pl_copy_columns_args;
int pl_copy_columns(const void *args);

/* y = a + b */
typedef struct {
    int dtype;
    ptrdiff_t count;
    const void *a, *b;
    void *y;
} pl_add_args;
int pl_add(const void *args);

/* y += alpha * x */
typedef struct {
    int dtype;
    double alpha;
    ptrdiff_t count;
    const void *x;
    void *y;
} pl_add_scaled_args;
int pl_add_scaled(const void *args);

/* x *= alpha */
typedef struct {
    int dtype;
    double alpha;
    ptrdiff_t count;
    void *x;
} pl_scale_args;
int pl_scale(const void *args);

typedef struct {
    int dtype;
    ptrdiff_t count;
    const void *x;
    double *result;
} pl_sum_of_squares_args;
int pl_sum_of_squares(const void *args);

/* result = 1, or 0 where an element is NaN or infinite. */
typedef struct {
    int dtype;
    ptrdiff_t count;
    const void *x;
    uint8_t *result;
} pl_all_finite_args;
int pl_all_finite(const void *args);

/* Row i of y is scale * row indices[i] of x; `source` is the element type of x, PL_U8 too. */
typedef struct {
    int dtype, source;
    double scale;
    ptrdiff_t rows, width;
    const int64_t *indices;
    const void *x;
    void *y;
} pl_gather_args;
int pl_gather(const void *args);

/* ---- loss ----------------------------------------------------------------------------------- */
/* *value = scale * sum over rows of w * l; gradient is its derivative. Targets are classes (labels:
 * int64, one for each row) or arrays like the prediction; smoothing spreads its share of a target
 * over the classes. Row r has weight r / rows_per_weight; weights may be NULL. Predictions are
 * logits (softmax included) or probabilities. */
typedef struct {
    int dtype, logits, labels;
    double smoothing, scale;
    ptrdiff_t rows, classes, rows_per_weight;
    const void *prediction, *targets, *weights;
    void *gradient;
    double *value;
} pl_class_loss_args;
int pl_class_loss(const void *args);

/* The same for a sum over elements of rows x width; weights are one for each row, or NULL. Only the
 * binary losses smooth; PL_HUBER is linear beyond delta; PL_HINGE takes targets of -1 and 1. */
enum {
    PL_SQUARED_ERROR, PL_BINARY, PL_SIGMOID_BINARY,
    PL_ABSOLUTE_ERROR, PL_HUBER, PL_HINGE, PL_DIVERGENCE
};
typedef struct {
    int dtype, kind;
    double smoothing, delta, scale;
    ptrdiff_t rows, width;
    const void *prediction, *targets, *weights;
    void *gradient;
    double *value;
} pl_element_loss_args;
int pl_element_loss(const void *args);

/* ---- optim ---------------------------------------------------------------------------------- */
/* Updates value, and the state, in place. hyper, read in every run:
 *   PL_SGD   learning_rate momentum dampening nesterov weight_decay first; state_1 is the velocity,
 *            NULL when momentum is 0
 *   PL_ADAM  learning_rate beta_1 beta_2 epsilon weight_decay decoupled correction_1 correction_2;
 *            state_1 is m, state_2 is v
 *   PL_RMSPROP   learning_rate weight_decay alpha epsilon momentum; state_1 is the mean square,
 *                state_2 the velocity, NULL without momentum, state_3 the mean, NULL when not wanted
 *   PL_ADAGRAD   learning_rate weight_decay epsilon divisor; state_1 is the sum of squares
 *   PL_ADADELTA  learning_rate weight_decay rho epsilon; state_1 is the mean square, state_2 the
 *                mean square of the moves
 *   PL_NADAM     learning_rate weight_decay decoupled beta_1 beta_2 epsilon now ahead correction_2;
 *                states as PL_ADAM
 *   PL_LION      learning_rate weight_decay beta_1 beta_2; state_1 is m */
typedef enum {
    PL_SGD, PL_ADAM, PL_RMSPROP, PL_ADAGRAD, PL_ADADELTA, PL_NADAM, PL_LION, PL_RULES
} pl_rule;
typedef struct {
    int dtype, rule;
    ptrdiff_t count;
    const double *hyper;
    const void *grad;
    void *value, *state_1, *state_2, *state_3;
} pl_optimizer_step_args;
int pl_optimizer_step(const void *args);

/* ---- random --------------------------------------------------------------------------------- */
/* PL_WORDS: uint32 Philox words offset, offset + 1 ...; else numbers of dtype: first + second * u
 * (PL_UNIFORM) or first + second * normal quantile of u (PL_NORMAL), u = (word + 1/2) / 2^32. */
enum { PL_WORDS, PL_UNIFORM, PL_NORMAL };
typedef struct {
    int dtype, what;
    uint32_t seed, stream;
    uint64_t step, offset;
    double first, second;
    ptrdiff_t count;
    void *y;
} pl_random_args;
int pl_random(const void *args);

/* y = 0 .. count - 1 in random order; count < 2^31. */
typedef struct {
    uint32_t seed, stream;
    uint64_t step;
    ptrdiff_t count;
    int64_t *y;
} pl_permutation_args;
int pl_permutation(const void *args);

/* ---- image ---------------------------------------------------------------------------------- */
/* Images (n, h, w, c), sides below 2^31 with (h + 3) * (w + 3) too. Beyond an image lie `fill`, the
 * pixels of the edge, or the mirrored image (which does not repeat the edge). */
enum { PL_BORDER_CONSTANT, PL_BORDER_EDGE, PL_BORDER_REFLECT };

/* y (n, oh, ow, c): y[i, r, q] = x[i, top[i] + r, left[i] + q]; bit 1 of flip[i] counts q from the
 * right, bit 2 counts r from below. |top|, |left| < 2^31. */
typedef struct {
    int dtype, border;
    double fill;
    ptrdiff_t n, h, w, c, oh, ow;
    const int64_t *top, *left;
    const uint8_t *flip;
    const void *x;
    void *y;
} pl_image_crop_args;
int pl_image_crop(const void *args);

/* y[i, r, q] = x[i] at the point matrix[i] (2, 3) * (r, q, 1), bilinear. |points| < 2^31. */
typedef struct {
    int dtype, border;
    double fill;
    ptrdiff_t n, h, w, c, oh, ow;
    const double *matrix;
    const void *x;
    void *y;
} pl_image_affine_args;
int pl_image_affine(const void *args);

/* y = x, but inside boxes[i] = (top, left, height, width) `fill`, or x[partner[i]] when given. */
typedef struct {
    int dtype;
    double fill;
    ptrdiff_t n, h, w, c;
    const int64_t *boxes, *partner;
    const void *x;
    void *y;
} pl_image_paste_args;
int pl_image_paste(const void *args);

/* y[i] = clip(x[i] + std * normal quantile of word i), as PL_NORMAL. */
typedef struct {
    int dtype;
    uint32_t seed, stream;
    uint64_t step;
    double std, low, high;
    ptrdiff_t count;
    const void *x;
    void *y;
} pl_image_noise_args;
int pl_image_noise(const void *args);

/* Rows of width > 0: y = clip(x * contrast + mean * (1 - contrast) + brightness), mean of the row. */
typedef struct {
    int dtype;
    double low, high;
    ptrdiff_t n, width;
    const double *brightness, *contrast;
    const void *x;
    void *y;
} pl_image_adjust_args;
int pl_image_adjust(const void *args);

/* y[i] = weight[i] * x[i] + (1 - weight[i]) * x[partner[i]], rows. */
typedef struct {
    int dtype;
    ptrdiff_t n, width;
    const int64_t *partner;
    const double *weight;
    const void *x;
    void *y;
} pl_mix_rows_args;
int pl_mix_rows(const void *args);

#endif
