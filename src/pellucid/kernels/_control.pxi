# ISA, threads and the variant lists.


def isas():
    """Names of the instruction sets that run here, best first."""
    return [
        (<bytes> pl_isa_name(<pl_isa> isa)).decode()
        for isa in reversed(range(PL_ISAS))
        if pl_isa_runs(<pl_isa> isa)
    ]


def active_isa():
    """Name of the instruction set in use."""
    return (<bytes> pl_isa_name(pl_isa_active())).decode()


def use_isa(str name):
    """Use this instruction set from now on; ValueError when it does not run here."""
    check_choice(name, "isa", isas())
    for isa in range(PL_ISAS):
        if (<bytes> pl_isa_name(<pl_isa> isa)).decode() == name:
            pl_isa_use(<pl_isa> isa)


def set_num_threads(int count):
    """Threads for all kernels from now on."""
    pl_threads_use(count)


def get_num_threads():
    """Threads that kernels may use."""
    return pl_threads()


def set_grain(long nanoseconds):
    """Least estimated work, in nanoseconds, that is shared between threads; returns the former."""
    return pl_grain_use(nanoseconds)


def last_region_threads():
    """Threads that took part in the last threaded region."""
    return pl_last_region_threads()


def ops():
    """Names of the ops that have variants."""
    cdef int i = 0
    names = []
    while pl_op_at(i) != NULL:
        names.append((<bytes> pl_op_at(i)).decode())
        i += 1
    return names


def variants(str op):
    """All variants of an op in order of preference: dicts of isa, dtype, name, runs."""
    cdef pl_isa isa
    cdef int dtype, i = 0
    cdef const char *name
    key = op.encode()
    rows = []
    while pl_variant_at(key, i, &isa, &dtype, &name):
        i += 1
        rows.append(
            {
                "isa": (<bytes> pl_isa_name(isa)).decode(),
                "dtype": "float32" if dtype == PL_F32 else "float64",
                "name": (<bytes> name).decode(),
                "runs": bool(pl_isa_runs(isa)),
            }
        )
    return rows


def chosen_variant(str op, str dtype):
    """The row of `variants(op)` that the instruction set in use selects."""
    order = isas()
    usable = set(order[order.index(active_isa()):])
    for row in variants(op):
        if row["isa"] in usable and row["dtype"] == dtype:
            return row
    raise LookupError(f"{op} has no variant for {dtype}")
