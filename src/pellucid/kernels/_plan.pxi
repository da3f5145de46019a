# Prepared calls (see csrc/README.md): a recorded list of (function, arguments) that runs in one go.

cdef enum:
    MAX_ARGS = 512

cdef struct pl_step:
    pl_call call
    unsigned char args[MAX_ARGS]

cdef Plan recorder = None
cdef unsigned long recorder_thread = 0


cdef class Plan:
    """Kernel calls that were recorded once and can be run again on the same arrays.

    `with plan.record(): ...` runs the code and keeps every kernel call that it makes from this
    thread, together with the arrays; `plan.run()` repeats the calls without Python in between.
    """

    cdef pl_step *steps
    cdef Py_ssize_t count, capacity
    # For each call the arrays that it uses (None for one left out).
    cdef readonly list arrays

    def __cinit__(self):
        self.steps = NULL
        self.count = self.capacity = 0
        self.arrays = []

    def __dealloc__(self):
        free(self.steps)

    def __len__(self):
        return self.count

    def record(self):
        """A context manager; the calls made inside are run and kept."""
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

    def run(self):
        """Repeat the recorded calls in order."""
        cdef Py_ssize_t i
        cdef int status = PL_OK
        with nogil:
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
