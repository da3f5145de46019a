# Prepared calls (see csrc/README.md): a recorded list of (function, arguments) that runs in one go.

cdef enum:
    MAX_ARGS = 512

cdef struct pl_step:
    pl_call call
    unsigned char args[MAX_ARGS]

# A convolution whose weights are packed, from a copy that tells when they change.
cdef struct pl_kept:
    pl_conv2d_args copied
    const void *weights

cdef Plan recorder = None
cdef unsigned long recorder_thread = 0


cdef class Plan:
    """Kernel calls that were recorded once and can be run again on the same arrays.

    `with plan.record(): ...` runs the code and keeps every kernel call that it makes from this
    thread, together with the arrays; `plan.run()` repeats the calls without Python in between.
    """

    cdef pl_step *steps
    cdef pl_kept *kept
    cdef Py_ssize_t count, capacity, kept_count, spare
    cdef int packed_for
    cdef list memory
    # Bytes of packed weights and of the copies that they were packed from.
    cdef readonly Py_ssize_t kept_bytes
    # For each call the arrays that it uses (None for one left out).
    cdef readonly list arrays

    def __cinit__(self):
        self.steps = NULL
        self.kept = NULL
        self.count = self.capacity = self.kept_count = self.spare = self.kept_bytes = 0
        self.arrays = []
        self.memory = []

    def __dealloc__(self):
        free(self.steps)
        free(self.kept)

    def __len__(self):
        return self.count

    def record(self, keep=0):
        """A context manager; the calls made inside are run and kept.

        Up to `keep` bytes go to weights in the order in which kernels read them; `run`
        packs them again when the weights have changed.
        """
        self.spare = keep
        self.packed_for = pl_isa_active()
        return _Recording(self)

    cdef int append(self, pl_call call, const void *args, size_t size, object arrays) except -1:
        cdef pl_step *grown
        if size > MAX_ARGS:
            raise SystemError("kernel arguments do not fit a recorded step")
        if self.count == self.capacity:
            grown = <pl_step *> realloc(
                self.steps, (2 * self.capacity + 16) * sizeof(pl_step)
            )
            if grown == NULL:
                raise MemoryError("no memory to record a kernel call")
            self.steps = grown
            self.capacity = 2 * self.capacity + 16
        self.steps[self.count].call = call
        memcpy(self.steps[self.count].args, args, size)
        self.arrays.append(arrays)
        self.count += 1
        return 0

    cdef int keep(self, pl_conv2d_args *args, size_t bytes) except -1:
        """Pack the weights, so many bytes, of a call to record, if there is room."""
        cdef size_t packed = (pl_conv2d_packed_bytes(args) + 63) // 64 * 64
        cdef pl_kept *grown
        cdef uint8_t[::1] memory
        if packed == 0 or packed + bytes > <size_t> self.spare:
            return 0
        memory = np.empty(packed + bytes + 63, np.uint8)
        grown = <pl_kept *> realloc(
            self.kept, (self.kept_count + 1) * sizeof(pl_kept)
        )
        if grown == NULL:
            raise MemoryError("no memory to keep packed weights")
        self.kept = grown
        self.memory.append(memory)
        self.spare -= packed + bytes
        self.kept_bytes += packed + bytes
        args.packed = &memory[0] + -<uintptr_t> &memory[0] % 64
        grown += self.kept_count
        grown.copied, grown.weights = args[0], args.weights
        grown.copied.weights = <uint8_t *> args.packed + packed
        with nogil:
            pl_conv2d_pack(&grown.copied, grown.weights, True)
        self.kept_count += 1
        return 0

    cdef void refresh(self) noexcept nogil:
        """Pack what has changed, everything for another instruction set."""
        cdef int isa = pl_isa_active()
        cdef bint again = isa != self.packed_for
        cdef Py_ssize_t i
        for i in range(self.kept_count):
            pl_conv2d_pack(&self.kept[i].copied, self.kept[i].weights, again)
        self.packed_for = isa

    def run(self, again=False):
        """Repeat the recorded calls in order.

        `again`: right after another run, so no weights have changed.
        """
        cdef Py_ssize_t i
        cdef int status = PL_OK
        cdef bint compare = not again
        with nogil:
            if compare:
                self.refresh()
            for i in range(self.count):
                status = self.steps[i].call(self.steps[i].args)
                if status != PL_OK:
                    break
        if status != PL_OK:
            raise MemoryError("a kernel could not get its working memory")

    def seconds(self):
        """Repeat the calls like `run` and return how long each took."""
        cdef Py_ssize_t i
        cdef int status = PL_OK
        cdef double begin
        taken = np.empty(self.count)
        cdef double[::1] view = taken
        with nogil:
            self.refresh()
            for i in range(self.count):
                begin = pl_seconds()
                status = self.steps[i].call(self.steps[i].args)
                view[i] = pl_seconds() - begin
                if status != PL_OK:
                    break
        if status != PL_OK:
            raise MemoryError("a kernel could not get its working memory")
        return taken


class _Recording:
    def __init__(self, plan):
        self.plan = plan

    def __enter__(self):
        global recorder, recorder_thread
        if recorder is not None:
            raise RuntimeError("another plan is being recorded")
        recorder = self.plan
        recorder_thread = get_ident()
        return self.plan

    def __exit__(self, *error):
        global recorder
        recorder = None


cdef bint recording() noexcept:
    """Whether a plan records the calls of this thread."""
    return recorder is not None and recorder_thread == get_ident()


cdef int submit(pl_call call, const void *args, size_t size, object arrays) except -1:
    """Run one kernel call without the GIL; keep it when a plan records in this thread."""
    cdef int status
    with nogil:
        status = call(args)
    if status != PL_OK:
        raise MemoryError("a kernel could not get its working memory")
    if recording():
        recorder.append(call, args, size, arrays)
    return 0
