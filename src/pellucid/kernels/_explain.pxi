# Why an op of some shape runs as it does.


def explain(str op, *, dtype="float32", **shape):
    """Lines of text: the variant in use and, for convolution, the algorithm of each direction.

    See `pellucid.kernels.explain`.
    """
    check_choice(dtype, "dtype", ("float32", "float64"))
    row = chosen_variant("gemm" if op == "conv" else op, dtype)
    lines = [f"{op}: {row['isa']} {row['name']}, {dtype}"]
    if op == "conv":
        lines += explain_conv(PL_F32 if dtype == "float32" else PL_F64, shape)
    return "\n".join(lines)


def explain_conv(int dtype, dict shape):
    """For each direction the algorithm, and who refused before it."""
    cdef const char *name = NULL
    cdef const char *refusal = NULL
    cdef int index
    options = {
        key: shape.pop(key) for key in ("strides", "padding", "dilation", "groups") if key in shape
    }
    conv_algo = check_choice(shape.pop("conv_algo", "auto"), "conv_algo", checks.CONV_ALGOS)
    letters = ("n", "h", "w", "c", "kh", "kw", "k")
    if set(shape) != set(letters):
        raise ValueError(
            describe(
                f"the sizes are {sorted(shape)}",
                f"Expected {', '.join(letters)}",
                'Call explain("conv", n=64, h=32, w=32, c=64, kh=3, kw=3, k=64)',
            )
        )
    n, h, w, c, kh, kw, k = (integer(shape[letter], letter, 1) for letter in letters)
    groups = integer(options.get("groups", 1), "groups", 1)
    cdef pl_conv_shape s = conv_shape(
        conv_geometry((n, h, w, c), (kh, kw, c // groups, k), **options)
    )
    lines = []
    for direction, title in enumerate(("forward", "backward-data", "backward-weights")):
        index = 0
        while pl_conv_candidate(
            index, dtype, &s, direction, requested(conv_algo), &name, &refusal
        ) >= 0:
            index += 1
            if refusal == NULL:
                lines.append(f"  {title}: {(<bytes> name).decode()}")
                break
            lines.append(
                f"  {title}: not {(<bytes> name).decode()}: {(<bytes> refusal).decode()}"
            )
    return lines
