# Augmentation of image batches.

cdef dict BORDERS = {
    "constant": PL_BORDER_CONSTANT, "edge": PL_BORDER_EDGE, "reflect": PL_BORDER_REFLECT,
}


cdef int run_image_crop(
    const real[::1] x, const int64_t[::1] top, const int64_t[::1] left,
    const uint8_t[::1] flip, real[::1] y, tuple sizes, int border, double fill,
) except -1:
    """y[i, r, q] = x[i, top + r, left + q], flipped."""
    cdef pl_image_crop_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.h, args.w, args.c, args.oh, args.ow = sizes
    args.border, args.fill = border, fill
    args.top, args.left, args.flip = &top[0], &left[0], &flip[0]
    args.x, args.y = &x[0], &y[0]
    arrays = x.base, top.base, left.base, flip.base, y.base
    return submit(pl_image_crop, &args, sizeof(args), arrays)


def image_crop(x, top, left, flip, size, *, border="constant", fill=0.0, out=None):
    """A window of each image; see `pellucid.kernels.reference.image_crop`."""
    x, top, left, flip, sizes, fill, out = checks.image_crop(
        x, top, left, flip, size, border, fill, out
    )
    flat = x.reshape(-1), out.reshape(-1)
    cdef int code = BORDERS[border]
    if out.itemsize == 4:
        run_image_crop[float](flat[0], top, left, flip, flat[1], sizes, code, fill)
    else:
        run_image_crop[double](flat[0], top, left, flip, flat[1], sizes, code, fill)
    return out


cdef int run_image_affine(
    const real[::1] x, const double[::1] matrix, real[::1] y, tuple sizes, int border,
    double fill,
) except -1:
    """y[i, r, q] = x[i] at matrix[i] (r, q, 1)."""
    cdef pl_image_affine_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.h, args.w, args.c, args.oh, args.ow = sizes
    args.border, args.fill, args.matrix = border, fill, &matrix[0]
    args.x, args.y = &x[0], &y[0]
    arrays = x.base, matrix.base, y.base
    return submit(pl_image_affine, &args, sizeof(args), arrays)


def image_affine(x, matrix, size, *, border="constant", fill=0.0, out=None):
    """Bilinear samples; see `pellucid.kernels.reference.image_affine`."""
    x, matrix, sizes, fill, out = checks.image_affine(
        x, matrix, size, border, fill, out
    )
    flat = x.reshape(-1), matrix.reshape(-1), out.reshape(-1)
    cdef int code = BORDERS[border]
    if out.itemsize == 4:
        run_image_affine[float](flat[0], flat[1], flat[2], sizes, code, fill)
    else:
        run_image_affine[double](flat[0], flat[1], flat[2], sizes, code, fill)
    return out


cdef int run_image_paste(
    const real[::1] x, const int64_t[::1] boxes, const int64_t[::1] partner,
    real[::1] y, tuple sizes, double fill,
) except -1:
    """y = x, but in a box of each image fill or the partner."""
    cdef pl_image_paste_args args
    if y.shape[0] == 0:
        return 0
    memset(&args, 0, sizeof(args))
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.h, args.w, args.c = sizes
    args.fill, args.boxes = fill, &boxes[0]
    if partner is not None:
        args.partner = &partner[0]
    args.x, args.y = &x[0], &y[0]
    kept = None if partner is None else partner.base
    arrays = x.base, boxes.base, kept, y.base
    return submit(pl_image_paste, &args, sizeof(args), arrays)


def image_paste(x, boxes, *, partner=None, fill=0.0, out=None):
    """Boxes filled or replaced; see `pellucid.kernels.reference.image_paste`."""
    x, boxes, partner, fill, out = checks.image_paste(x, boxes, partner, fill, out)
    flat = x.reshape(-1), boxes.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        run_image_paste[float](flat[0], flat[1], partner, flat[2], x.shape, fill)
    else:
        run_image_paste[double](flat[0], flat[1], partner, flat[2], x.shape, fill)
    return out


cdef int run_image_noise(
    const real[::1] x, real[::1] y, double std, tuple bounds, tuple key
) except -1:
    """y = clip(x + std z)."""
    cdef pl_image_noise_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.std, args.count = std, y.shape[0]
    args.low, args.high = bounds
    args.seed, args.stream, args.step = key[1], key[2], key[3]
    args.x, args.y = &x[0], &y[0]
    return submit(pl_image_noise, &args, sizeof(args), (x.base, y.base))


def image_noise(x, std, *, seed, stream, step=0, low=None, high=None, out=None):
    """x + std z; see `pellucid.kernels.reference.image_noise`."""
    x, std, bounds, key, out = checks.image_noise(
        x, std, seed, stream, step, low, high, out
    )
    if out.itemsize == 4:
        run_image_noise[float](x.reshape(-1), out.reshape(-1), std, bounds, key)
    else:
        run_image_noise[double](x.reshape(-1), out.reshape(-1), std, bounds, key)
    return out


cdef int run_image_adjust(
    const real[::1] x, const double[::1] brightness, const double[::1] contrast,
    real[::1] y, tuple bounds,
) except -1:
    """y = clip(x * contrast + mean * (1 - contrast) + brightness)."""
    cdef pl_image_adjust_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.width = contrast.shape[0], y.shape[0] // contrast.shape[0]
    args.low, args.high = bounds
    args.brightness, args.contrast = &brightness[0], &contrast[0]
    args.x, args.y = &x[0], &y[0]
    arrays = x.base, brightness.base, contrast.base, y.base
    return submit(pl_image_adjust, &args, sizeof(args), arrays)


def image_adjust(x, brightness, contrast, *, low=None, high=None, out=None):
    """Brighter, flatter; see `pellucid.kernels.reference.image_adjust`."""
    x, brightness, contrast, bounds, out = checks.image_adjust(
        x, brightness, contrast, low, high, out
    )
    flat = x.reshape(-1), out.reshape(-1)
    if out.itemsize == 4:
        run_image_adjust[float](flat[0], brightness, contrast, flat[1], bounds)
    else:
        run_image_adjust[double](flat[0], brightness, contrast, flat[1], bounds)
    return out


cdef int run_mix_rows(
    const real[::1] x, const int64_t[::1] partner, const double[::1] weight, real[::1] y
) except -1:
    """y[i] = weight x[i] + (1 - weight) x[partner]."""
    cdef pl_mix_rows_args args
    if y.shape[0] == 0:
        return 0
    args.dtype = PL_F32 if real is float else PL_F64
    args.n, args.width = partner.shape[0], y.shape[0] // partner.shape[0]
    args.partner, args.weight = &partner[0], &weight[0]
    args.x, args.y = &x[0], &y[0]
    arrays = x.base, partner.base, weight.base, y.base
    return submit(pl_mix_rows, &args, sizeof(args), arrays)


def mix_rows(x, partner, weight, *, out=None):
    """Weighted pairs of rows; see `pellucid.kernels.reference.mix_rows`."""
    x, partner, weight, out = checks.mix_rows(x, partner, weight, out)
    if out.itemsize == 4:
        run_mix_rows[float](x.reshape(-1), partner, weight, out.reshape(-1))
    else:
        run_mix_rows[double](x.reshape(-1), partner, weight, out.reshape(-1))
    return out
