# Joining and splitting arrays along the last axis: csrc/merge/merge.c.


cdef int copy_columns(
    const real[:, ::1] x, Py_ssize_t x_first, real[:, ::1] y, Py_ssize_t y_first,
    Py_ssize_t width,
) except -1:
    """y[:, y_first : y_first + width] = x[:, x_first : x_first + width]."""
    cdef pl_copy_columns_args args
    if x.shape[0] == 0 or width == 0:
        return 0
    args.rows, args.width = x.shape[0], width * <Py_ssize_t> sizeof(real)
    args.x_stride = x.shape[1] * <Py_ssize_t> sizeof(real)
    args.y_stride = y.shape[1] * <Py_ssize_t> sizeof(real)
    args.x, args.y = &x[0, x_first], &y[0, y_first]
    return submit(pl_copy_columns, &args, sizeof(args), (x.base, y.base))


def _copy(x, x_first, y, y_first, rows, width):
    """Copy columns between arrays of any shape, seen as matrices of so many rows."""
    if rows == 0 or width == 0:
        return
    x, y = x.reshape(rows, -1), y.reshape(rows, -1)
    if y.itemsize == 4:
        copy_columns[float](x, x_first, y, y_first, width)
    else:
        copy_columns[double](x, x_first, y, y_first, width)


def concat(arrays, *, out=None):
    """Join along the last axis; see `pellucid.kernels.reference.concat`."""
    arrays, out = checks.concat(arrays, out)
    rows, first = math.prod(out.shape[:out.ndim - 1]), 0
    for x in arrays:
        _copy(x, 0, out, first, rows, x.shape[x.ndim - 1])
        first += x.shape[x.ndim - 1]
    return out


def split(x, sizes, *, out=None):
    """Cut along the last axis; see `pellucid.kernels.reference.split`."""
    x, out = checks.split(x, sizes, out)
    rows, first = math.prod(x.shape[:x.ndim - 1]), 0
    for y in out:
        _copy(x, first, y, 0, rows, y.shape[y.ndim - 1])
        first += y.shape[y.ndim - 1]
    return out
