"""The roofline: what each layer reaches, under what the machine allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pellucid.viz.canvas import BLUE, RED, new_axes

if TYPE_CHECKING:
    from pellucid.debug.profile_table import Profile

COLOURS = {"forward": BLUE, "backward": RED}
MARKERS = {"forward": "o", "backward": "s"}
NAMED = 0.03  # share of the step from which a layer is numbered


def plot_roofline(profile: Profile, *, ax: Any = None) -> Any:
    """Draw what each layer reached against its FLOPs a byte, under the machine's roof.

    The roof is the lower of two limits: memory (the slope, bandwidth times FLOPs a
    byte) and the multiply-add peak (level). A layer at the roof can't be faster in this
    form; Winograd's may lie above, for it needs fewer multiplications than the formula
    counts, and so may layers whose data stays in a cache. Areas grow with the time.

    Parameters
    ----------
    profile : Profile
        What `model.profile` returned.
    ax : matplotlib Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    Axes
        Save with `ax.figure.savefig(path)`.

    Raises
    ------
    ImportError
        matplotlib is not installed.

    Example
    -------
    >>> ax = model.profile(x, y).plot()                           # doctest: +SKIP
    """
    if ax is None:
        ax = new_axes(8, 5)
    points = [
        (row, direction, cost)
        for row in profile.rows
        for direction, cost in (("forward", row.forward), ("backward", row.backward))
        if cost.flops and cost.bytes and cost.seconds
    ]
    for direction, colour in COLOURS.items():
        chosen = [(row, cost) for row, way, cost in points if way == direction]
        ax.scatter(
            [cost.flops / cost.bytes for _, cost in chosen],
            [cost.gflops for _, cost in chosen],
            s=[20 + 400 * cost.seconds / profile.parts_seconds for _, cost in chosen],
            c=colour,
            marker=MARKERS[direction],
            alpha=0.75,
            label=direction,
            zorder=3,
        )
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte",
        ylabel="GFLOP/s",
        title=f"roofline, batch {profile.batch}, {profile.machine.isa}, "
        f"{profile.machine.threads} thread{'s' * (profile.machine.threads != 1)}",
    )
    _draw_roof(ax, profile, [cost.flops / cost.bytes for *_, cost in points])
    ax.grid(True, which="major", color="0.9", zorder=0)
    _number_layers(ax, profile)
    return ax


def _draw_roof(ax: Any, profile: Profile, intensities: list[float]) -> None:
    peak, bandwidth = profile.machine.peak, profile.machine.bandwidth
    if not peak or not bandwidth or not intensities:
        return
    ridge = peak / bandwidth
    left, right = min(*intensities, ridge) / 2, max(*intensities, ridge) * 2
    ax.plot(
        [left, ridge, right],
        [left * bandwidth, peak, peak],
        color="0.3",
        label=f"{peak:.0f} GFLOP/s; {bandwidth:.0f} GB/s from memory",
        zorder=2,
    )
    ax.set_xlim(left / 1.5, right * 3)
    ax.set_ylim(top=3 * max(peak, ax.get_ylim()[1] / 2))


def _number_layers(ax: Any, profile: Profile) -> Any:
    """Write a number at the marks of layers that take time; return the legend."""
    from matplotlib.lines import Line2D

    handles, names = ax.get_legend_handles_labels()
    rows = sorted(profile.rows, key=lambda row: -row.share)
    for number, row in enumerate((r for r in rows if r.share >= NAMED), 1):
        for cost, below in ((row.forward, 3), (row.backward, -10)):
            if cost.flops and cost.bytes and cost.seconds:
                ax.annotate(
                    str(number),
                    (cost.flops / cost.bytes, cost.gflops),
                    xytext=(7, below),
                    textcoords="offset points",
                    fontsize="small",
                    zorder=4,
                )
        handles.append(Line2D([], [], linestyle="none"))
        names.append(f"{number}  {row.name}, {100 * row.share:.0f} %")
    return ax.legend(
        handles, names, loc="lower right", fontsize="small", markerscale=0.6
    )
