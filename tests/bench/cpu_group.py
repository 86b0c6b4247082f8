"""One group of the scheduler for the server and for the load on it: a context manager for script/bench.

With autogroup (sched(7)) the scheduler shares the CPUs between sessions before it shares them between processes. The workers of
a supervisor are sessions of their own; those of most other servers are in the session of whoever starts the server. So each of
our workers would have as large a share of a busy machine as another server with all its workers and the load together, and the
supervisor, which is in the session of the load, would interrupt workers more often. In a control group there is no autogroup.
"""
import contextlib
import os
import pathlib

AUTOGROUP = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")
NOTE = "the scheduler groups processes by session (autogroup), which the bench may not change: throughput is hard to compare"


def has_autogroup():
    try:
        return AUTOGROUP.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False  # a kernel without it


def own_directories():
    """The directories of this process's control groups that may share the CPU, of cgroup v1 and v2."""
    paths = {}
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            paths["cgroup" if controllers else "cgroup2"] = path
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mount, kind, options, *_ = line.split()
        if kind in paths and (kind == "cgroup2" or "cpu" in options.split(",")):
            yield kind, paths[kind], pathlib.Path(mount + paths[kind])


def enter(group):
    (group / "cgroup.procs").write_text("0", encoding="ascii")


@contextlib.contextmanager
def one_group():
    """This process, and what it starts, without autogroup. Says so when that cannot be done."""
    groups = list(own_directories()) if has_autogroup() else []
    in_one = any(path != "/" and ((own / "cpu.weight").exists() or (own / "cpu.shares").exists()) for _, path, own in groups)
    if in_one or not has_autogroup():
        yield
        return
    # Version 1 only: in version 2 a group that has processes gives its children no CPU controller.
    parent = next((own for kind, _, own in groups if kind == "cgroup"), None)
    try:
        if parent is None:
            raise PermissionError
        group = parent / f"bench-{os.getpid()}"
        group.mkdir()
        enter(group)
    except OSError:
        print(NOTE, flush=True)
        yield
        return
    try:
        yield
    finally:
        enter(parent)
        with contextlib.suppress(OSError):  # a process is left in it
            group.rmdir()
