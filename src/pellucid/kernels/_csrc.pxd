# What pl_kernels.h declares, for Cython.
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "pl_kernels.h" nogil:
    enum:
        PL_F32, PL_F64
        PL_OK, PL_NO_MEMORY, PL_UNSUPPORTED
        PL_MAX_THREADS
        PL_LINEAR, PL_RELU, PL_LEAKY_RELU, PL_SIGMOID, PL_TANH
        PL_ELU, PL_SELU, PL_SOFTPLUS, PL_GELU, PL_SILU, PL_MISH, PL_HARD_SWISH

    ctypedef enum pl_isa:
        PL_PORTABLE, PL_NEON, PL_AVX2, PL_AVX512, PL_ISAS

    const char *pl_isa_name(pl_isa isa)
    int pl_isa_runs(pl_isa isa)
    pl_isa pl_isa_active()
    int pl_isa_use(pl_isa isa)
    const char *pl_op_at(int index)
    int pl_variant_at(const char *op, int index, pl_isa *isa, int *dtype, const char **name)

    int pl_threads()
    void pl_threads_use(int count)
    long pl_grain_use(long nanoseconds)
    int pl_last_region_threads()

    double pl_seconds()
    double pl_fma_peak(int dtype, int threads, double budget)
    ctypedef struct pl_copy_args:
        int dtype
        ptrdiff_t count
        const void *x
        void *y
    int pl_copy(const void *args)

    ctypedef struct pl_gemm_args:
        int dtype, trans_a, trans_b, activation
        ptrdiff_t m, n, k, lda, ldb, ldc
        const void *a
        const void *b
        const void *scale
        const void *bias
        void *c
    int pl_gemm(const void *args)

    ctypedef struct pl_column_sums_args:
        int dtype
        ptrdiff_t m, n
        const void *x
        void *y
    int pl_column_sums_call(const void *args)

    ctypedef struct pl_conv_shape:
        ptrdiff_t n, h, w, c, kh, kw, oh, ow, k
        ptrdiff_t stride_h, stride_w, pad_top, pad_left, dilation_h, dilation_w, groups

    enum:
        PL_CONV_AUTO, PL_CONV_DIRECT, PL_CONV_WINOGRAD, PL_CONV_IM2COL
        PL_FORWARD, PL_BACKWARD_DATA, PL_BACKWARD_WEIGHTS
    int pl_conv_candidate(
        int index, int dtype, const pl_conv_shape *shape, int direction, int requested,
        const char **name, const char **refusal)
    int pl_conv_algorithm(
        int dtype, const pl_conv_shape *shape, int direction, int requested)

    ctypedef struct pl_conv2d_args:
        int dtype, activation, algorithm
        pl_conv_shape shape
        const void *x
        const void *weights
        const void *scale
        const void *bias
        void *y
    int pl_conv2d(const void *args)

    ctypedef struct pl_conv2d_backward_data_args:
        int dtype, algorithm
        pl_conv_shape shape
        const void *dy
        const void *weights
        void *dx
    int pl_conv2d_backward_data(const void *args)

    ctypedef struct pl_conv_transpose2d_args:
        pl_conv2d_backward_data_args data
        int activation
        const void *scale
        const void *bias
    int pl_conv_transpose2d(const void *args)

    ctypedef struct pl_conv2d_backward_weights_args:
        int dtype, algorithm
        pl_conv_shape shape
        const void *dy
        const void *x
        void *dweights
    int pl_conv2d_backward_weights(const void *args)

    ctypedef struct pl_im2col_args:
        int dtype
        pl_conv_shape shape
        const void *source
        void *target
    int pl_im2col(const void *args)
    int pl_col2im(const void *args)

    ctypedef struct pl_pool_args:
        int dtype, wide_argmax, rectified
        ptrdiff_t n, h, w, c, kh, kw, oh, ow, stride_h, stride_w, pad_top, pad_left
        void *image
        void *pooled
        void *argmax
    int pl_max_pool2d(const void *args)
    int pl_max_pool2d_backward(const void *args)
    int pl_avg_pool2d(const void *args)
    int pl_avg_pool2d_backward(const void *args)

    int PL_NEAREST, PL_BILINEAR, PL_ADAPTIVE_AVERAGE

    ctypedef struct pl_resample_args:
        int dtype, map, backward
        ptrdiff_t n, h, w, c, oh, ow
        const void *source
        void *target
    int pl_resample(const void *args)

    ctypedef struct pl_zero_pad_args:
        int dtype
        ptrdiff_t n, h, w, c, oh, ow, pad_top, pad_left
        const void *source
        void *target
    int pl_zero_pad(const void *args)
    int pl_zero_pad_backward(const void *args)

    ctypedef struct pl_norm_args:
        int dtype, activation
        ptrdiff_t values, c
        double momentum, epsilon
        const void *x
        const void *gamma
        const void *beta
        void *running_mean
        void *running_variance
        void *y
        void *mean
        void *inv_std
    int pl_batch_norm_training(const void *args)
    int pl_batch_norm_inference(const void *args)

    ctypedef struct pl_fold_batch_norm_args:
        int dtype
        ptrdiff_t c
        double epsilon
        const void *gamma
        const void *beta
        const void *mean
        const void *variance
        const void *bias
        void *scale
        void *shift
    int pl_fold_batch_norm(const void *args)

    ctypedef struct pl_norm_backward_args:
        int dtype
        ptrdiff_t values, c
        double epsilon
        const void *dy
        const void *x
        const void *gamma
        const void *mean
        const void *spread
        void *dx
        void *dgamma
        void *dbeta
    int pl_batch_norm_inference_backward(const void *args)
    int pl_batch_norm_backward(const void *args)

    ctypedef struct pl_norm_pool_args:
        pl_norm_args norm
        ptrdiff_t w, kh, kw
        void *argmax

    int pl_batch_norm_max_pool2d(const void *args)

    ctypedef struct pl_norm_pool_backward_args:
        pl_norm_backward_args norm
        ptrdiff_t w, kh, kw
        const void *argmax

    int pl_batch_norm_max_pool2d_backward(const void *args)

    ctypedef struct pl_group_norm_args:
        int dtype
        ptrdiff_t n, positions, c, groups
        double epsilon
        const void *x
        const void *gamma
        const void *beta
        void *y
        void *mean
        void *inv_std
    int pl_group_norm(const void *args)
    int pl_layer_norm(const void *args)

    ctypedef struct pl_group_norm_backward_args:
        int dtype
        ptrdiff_t n, positions, c, groups
        const void *dy
        const void *x
        const void *gamma
        const void *mean
        const void *inv_std
        void *dx
        void *dgamma
        void *dbeta
    int pl_group_norm_backward(const void *args)
    int pl_layer_norm_backward(const void *args)

    ctypedef struct pl_scale_channels_args:
        int dtype
        ptrdiff_t n, positions, c
        const void *x
        const void *factors
        void *y
    int pl_scale_channels(const void *args)

    # eltwise, loss, optim, random
    enum:
        PL_U8
        PL_SQUARED_ERROR, PL_BINARY, PL_SIGMOID_BINARY
        PL_ABSOLUTE_ERROR, PL_HUBER, PL_HINGE, PL_DIVERGENCE
        PL_SGD, PL_ADAM, PL_RMSPROP, PL_ADAGRAD, PL_ADADELTA, PL_NADAM, PL_LION
        PL_WORDS, PL_UNIFORM, PL_NORMAL

    ctypedef struct pl_activation_args:
        int dtype, kind
        double alpha
        ptrdiff_t count
        const void *x
        void *y
    int pl_activation(const void *args)

    ctypedef struct pl_activation_backward_args:
        int dtype, kind
        double alpha
        ptrdiff_t count
        const void *dy
        const void *saved
        void *dx
    int pl_activation_backward(const void *args)

    ctypedef struct pl_prelu_args:
        int dtype
        ptrdiff_t count, channels
        const void *x
        const void *alpha
        void *y
    int pl_prelu(const void *args)

    ctypedef struct pl_prelu_backward_args:
        int dtype
        ptrdiff_t count, channels
        const void *dy
        const void *x
        const void *alpha
        void *dx
        void *dalpha
    int pl_prelu_backward(const void *args)

    enum:
        PL_EXP, PL_LOG, PL_ERF, PL_LOG1P

    ctypedef struct pl_elementary_args:
        int dtype, function
        ptrdiff_t count
        const void *x
        void *y
    int pl_elementary(const void *args)

    ctypedef struct pl_softmax_args:
        int dtype, logarithm
        ptrdiff_t rows, classes
        const void *x
        void *y
    int pl_softmax(const void *args)

    ctypedef struct pl_softmax_backward_args:
        int dtype, logarithm
        ptrdiff_t rows, classes
        const void *dy
        const void *y
        void *dx
    int pl_softmax_backward(const void *args)

    ctypedef struct pl_argmax_args:
        int dtype
        ptrdiff_t rows, classes
        const void *x
        int64_t *y
    int pl_argmax(const void *args)

    ctypedef struct pl_dropout_args:
        int dtype
        uint32_t seed, stream
        uint64_t threshold
        double scale, offset, dropped
        ptrdiff_t count
        uint64_t *counter
        const void *x
        void *y
        uint8_t *mask
    int pl_dropout(const void *args)

    ctypedef struct pl_dropout_backward_args:
        int dtype
        double scale
        ptrdiff_t count
        const void *dy
        const uint8_t *mask
        void *dx
    int pl_dropout_backward(const void *args)

    ctypedef struct pl_gaussian_noise_args:
        int dtype
        uint32_t seed, stream
        double std
        ptrdiff_t count
        uint64_t *counter
        const void *x
        void *y
    int pl_gaussian_noise(const void *args)

    ctypedef struct pl_copy_columns_args:
        ptrdiff_t rows, width, x_stride, y_stride
        const void *x
        void *y
    int pl_copy_columns(const void *args)

    ctypedef struct pl_add_args:
        int dtype
        ptrdiff_t count
        const void *a
        const void *b
        void *y
    int pl_add(const void *args)

    ctypedef struct pl_add_scaled_args:
        int dtype
        double alpha
        ptrdiff_t count
        const void *x
        void *y
    int pl_add_scaled(const void *args)

    ctypedef struct pl_scale_args:
        int dtype
        double alpha
        ptrdiff_t count
        void *x
    int pl_scale(const void *args)

    ctypedef struct pl_sum_of_squares_args:
        int dtype
        ptrdiff_t count
        const void *x
        double *result
    int pl_sum_of_squares(const void *args)

    ctypedef struct pl_all_finite_args:
        int dtype
        ptrdiff_t count
        const void *x
        uint8_t *result
    int pl_all_finite(const void *args)

    ctypedef struct pl_gather_args:
        int dtype, source
        double scale
        ptrdiff_t rows, width
        const int64_t *indices
        const void *x
        void *y
    int pl_gather(const void *args)

    ctypedef struct pl_class_loss_args:
        int dtype, logits, labels
        double smoothing, scale
        ptrdiff_t rows, classes, rows_per_weight
        const void *prediction
        const void *targets
        const void *weights
        void *gradient
        double *value
    int pl_class_loss(const void *args)

    ctypedef struct pl_element_loss_args:
        int dtype, kind
        double smoothing, delta, scale
        ptrdiff_t rows, width
        const void *prediction
        const void *targets
        const void *weights
        void *gradient
        double *value
    int pl_element_loss(const void *args)

    ctypedef struct pl_optimizer_step_args:
        int dtype, rule
        ptrdiff_t count
        const double *hyper
        const void *grad
        void *value
        void *state_1
        void *state_2
        void *state_3
    int pl_optimizer_step(const void *args)

    ctypedef struct pl_random_args:
        int dtype, what
        uint32_t seed, stream
        uint64_t step, offset
        double first, second
        ptrdiff_t count
        void *y
    int pl_random(const void *args)

    ctypedef struct pl_permutation_args:
        uint32_t seed, stream
        uint64_t step
        ptrdiff_t count
        int64_t *y
    int pl_permutation(const void *args)

    enum:
        PL_BORDER_CONSTANT, PL_BORDER_EDGE, PL_BORDER_REFLECT

    ctypedef struct pl_image_crop_args:
        int dtype, border
        double fill
        ptrdiff_t n, h, w, c, oh, ow
        const int64_t *top
        const int64_t *left
        const uint8_t *flip
        const void *x
        void *y
    int pl_image_crop(const void *args)

    ctypedef struct pl_image_affine_args:
        int dtype, border
        double fill
        ptrdiff_t n, h, w, c, oh, ow
        const double *matrix
        const void *x
        void *y
    int pl_image_affine(const void *args)

    ctypedef struct pl_image_paste_args:
        int dtype
        double fill
        ptrdiff_t n, h, w, c
        const int64_t *boxes
        const int64_t *partner
        const void *x
        void *y
    int pl_image_paste(const void *args)

    ctypedef struct pl_image_noise_args:
        int dtype
        uint32_t seed, stream
        uint64_t step
        double std, low, high
        ptrdiff_t count
        const void *x
        void *y
    int pl_image_noise(const void *args)

    ctypedef struct pl_image_adjust_args:
        int dtype
        double low, high
        ptrdiff_t n, width
        const double *brightness
        const double *contrast
        const void *x
        void *y
    int pl_image_adjust(const void *args)

    ctypedef struct pl_mix_rows_args:
        int dtype
        ptrdiff_t n, width
        const int64_t *partner
        const double *weight
        const void *x
        void *y
    int pl_mix_rows(const void *args)
