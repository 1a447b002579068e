"""The system calls a job may make: a list of what is allowed, so that a call nobody thought of is refused.

What is not listed answers ENOSYS, as on a kernel without it: libraries then take
another way, where refusal with EPERM would often stop them. The list has what Python,
numpy, pandas, scikit-learn and onnxruntime use for files, memory, threads, timers and
pipes between processes of the job. It leaves out, on purpose:

- sockets of every family; only `socketpair` of the Unix family, which leads nowhere else, and not `setsockopt`, by
  which its buffers could be made larger than the watch counts them;
- new namespaces (`unshare`, `setns`, `clone` with a namespace flag; `clone3`, whose flags
  a filter cannot see), mounts, `chroot`, `pivot_root`;
- looking into processes: `ptrace`, `process_vm_readv`, `process_vm_writev`, `kcmp`, `pidfd_getfd`;
- `keyctl`, `bpf`, `perf_event_open`, `io_uring`, `userfaultfd`, `kexec`, modules, `open_by_handle_at`:
  the calls by which kernels were mostly broken into;
- memory that no process shows as its own: `memfd_create`, System V shared memory and message queues.

The program is cBPF as seccomp(2) takes it, for the machine's own architecture; calls of
another (32-bit calls on x86-64, x32) end the process.
"""

from __future__ import annotations

import errno
import os
import tempfile
from functools import cache
from typing import Any, Final

from counterfoil.errors import NotSetUp

__all__ = ["ALLOWED_CALLS", "NEW_NAMESPACES", "filter_program"]

_BY_PURPOSE: Final = {
    "files": """
        access chdir chmod close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fallocate
        fadvise64 fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync
        fgetxattr flistxattr flock fstat fstatfs
        fsync ftruncate futimesat getcwd getdents getdents64 getxattr inotify_add_watch inotify_init inotify_init1
        inotify_rm_watch lchown lgetxattr link linkat listxattr llistxattr lseek lstat mkdir mkdirat newfstatat open
        openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename
        renameat renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat sync_file_range tee truncate umask
        unlink unlinkat utime utimensat utimes write writev""",
    "memory": """
        brk get_mempolicy madvise membarrier mincore mlock mlock2 mmap mprotect mremap msync munlock munmap pkey_alloc
        pkey_free pkey_mprotect""",
    "processes and threads": """
        arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv
        futex_wake get_robust_list getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority
        getresgid getresuid getrlimit getrusage getsid gettid getuid kill pidfd_open pidfd_send_signal prctl prlimit64
        restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
        rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr
        sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_yield set_robust_list
        set_tid_address setpgid setpriority setrlimit setsid sigaltstack tgkill tkill vfork wait4 waitid""",
    "time and randomness": """
        alarm clock_getres clock_gettime clock_nanosleep getitimer getrandom gettimeofday nanosleep pause setitimer
        sysinfo time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create
        timerfd_gettime timerfd_settime times uname""",
    "waiting and pipes": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 pipe pipe2 poll ppoll
        pselect6 select signalfd signalfd4""",
    "pairs of sockets": """
        getpeername getsockname getsockopt recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto shutdown""",
}
ALLOWED_CALLS: Final = frozenset(name for names in _BY_PURPOSE.values() for name in names.split())
"""Calls allowed with any arguments; `clone`, `socketpair` and `ioctl` are allowed with some."""

NEW_NAMESPACES: Final = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET together."""

_IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what files and pipes are asked for; none types into one."""

_LOW_BITS: Final = 0xFFFFFFFF
"""The kernel looks at the low 32 bits of an ioctl's number alone."""

_AF_UNIX: Final = 1

# These are asked for by well-meaning programs, which then want a plain "not permitted".
_PLAINLY_REFUSED: Final = (
    "socket", "connect", "bind", "mount", "umount2", "ptrace", "unshare", "setns", "mknod", "mknodat", "chroot",
    "setuid", "setgid", "setreuid", "setresuid", "setresgid", "setgroups",
)  # fmt: skip


@cache
def filter_program() -> bytes:
    """Returns the filter as an array of `struct sock_filter`, for bwrap's `--seccomp`.

    Raises:
        NotSetUp: When libseccomp or its Python binding is missing.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise NotSetUp(
            "jobs cannot run here: the library that filters system calls is missing",
            hint="install the extra `compute` and the system's libseccomp (Debian: apt install libseccomp2)",
        ) from error
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    for name in sorted(ALLOWED_CALLS):
        _add(made, pyseccomp, pyseccomp.ALLOW, name)
    for name in _PLAINLY_REFUSED:
        _add(made, pyseccomp, pyseccomp.ERRNO(errno.EPERM), name)
    _add(made, pyseccomp, pyseccomp.ALLOW, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_NAMESPACES, 0))
    _add(made, pyseccomp, pyseccomp.ALLOW, "socketpair", pyseccomp.Arg(0, pyseccomp.EQ, _AF_UNIX))
    for number in _IOCTLS:
        _add(made, pyseccomp, pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _LOW_BITS, number))
    return _exported(made)


def _add(made: Any, pyseccomp: Any, action: Any, name: str, *arguments: Any) -> None:
    """Adds a rule; a name that this architecture's table lacks is a call that cannot be made."""
    if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:
        made.add_rule(action, name, *arguments)


def _exported(made: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.flush()
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return file.read()
