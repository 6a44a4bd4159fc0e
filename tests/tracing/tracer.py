"""Runs a command under ptrace and stops every process of it at every write boundary below a folder (Linux on x86-64).

    python tracer.py SPEC.json COMMAND…

A boundary is a system call that can change what a disk or a server holds: an opening for writing, a write, a sync, a
rename, a link, an unlink, a folder made or removed, a truncation, and what is sent to a port of SPEC. A seccomp filter
lets every other call pass untouched, so that a run is hardly slower. SPEC (see tests/tracing/__init__.py) says what to
do at which one; what was seen is written to SPEC's "report".

Source: ptrace(2), seccomp(2); numbers of system calls: arch/x86/entry/syscalls/syscall_64.tbl.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import signal
import struct
import sys
from collections import Counter
from pathlib import Path
from typing import Any

TRACEME, CONT, GETREGS, SETREGS, SYSCALL, SETOPTIONS = 0, 7, 12, 13, 24, 0x4200
OPTIONS = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x80 | 0x100000  # SYSGOOD FORK VFORK CLONE EXEC SECCOMP EXITKILL
EXEC, SECCOMP, SYSCALL_EXIT = 4, 7, signal.SIGTRAP | 0x80
WALL = 0x40000000
WRITES_FILE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# number: (kind, where its path or descriptor stands, where its size stands)
CALLS: dict[int, tuple[str, str, int | None]] = {
    2: ("open", "path 0 flags 1", None), 257: ("open", "at 0 1 flags 2", None), 85: ("open", "path 0", None),
    1: ("write", "fd 0", 2), 18: ("write", "fd 0", 2), 20: ("write", "fd 0", None), 296: ("write", "fd 0", None),
    328: ("write", "fd 0", None), 40: ("write", "fd 0", 3), 326: ("write", "fd 2", 4),
    44: ("write", "fd 0", 2), 46: ("write", "fd 0", None),
    74: ("sync", "fd 0", None), 75: ("sync", "fd 0", None), 277: ("sync", "fd 0", None),
    82: ("rename", "path 0 path 1", None), 264: ("rename", "at 0 1 at 2 3", None),
    316: ("rename", "at 0 1 at 2 3", None), 86: ("link", "path 0 path 1", None), 265: ("link", "at 0 1 at 2 3", None),
    87: ("unlink", "path 0", None), 263: ("unlink", "at 0 1", None), 84: ("unlink", "path 0", None),
    83: ("mkdir", "path 0", None), 258: ("mkdir", "at 0 1", None), 88: ("symlink", "path 1", None),
    266: ("symlink", "at 1 2", None), 76: ("truncate", "path 0", None), 77: ("truncate", "fd 0", None),
    285: ("truncate", "fd 0", None), 9: ("mmap", "fd 4", None),
}
FLAGS = {2: (1, WRITES_FILE), 257: (2, WRITES_FILE), 9: (3, 1)}  # these only with one of the flags: argument, mask
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


class Registers(ctypes.Structure):
    """user_regs_struct of x86-64."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in (
        "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
        "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs")]


def ptrace(request: int, pid: int, data: Any = 0) -> None:
    """Call ptrace(2). Raises ProcessLookupError for a process that is gone, OSError otherwise."""
    if LIBC.ptrace(request, pid, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def filter_program() -> bytes:
    """Return the seccomp filter: RET_TRACE for the calls of CALLS, where flags stand with one of them; else allow."""
    allow, trace = (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x7FF00000)
    number, architecture = (0x20, 0, 0, 0), (0x20, 0, 0, 4)
    code = [architecture, (0x15, 1, 0, 0xC000003E), allow, number]
    for call in CALLS:
        if call in FLAGS:
            at, mask = FLAGS[call]
            code += [(0x15, 0, 4, call), (0x20, 0, 0, 16 + 8 * at), (0x45, 0, 1, mask), trace, allow]
        else:
            code += [(0x15, 0, 1, call), trace]
    return b"".join(struct.pack("HBBI", *each) for each in [*code, allow])


def become_traced(command: list[str]) -> None:
    """In the child: let the parent trace, install the filter, run the command. Never returns."""
    try:
        ptrace(TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        program = filter_program()
        buffer = ctypes.create_string_buffer(program, len(program))
        head = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)), 16)
        if LIBC.prctl(38, 1, 0, 0, 0) or LIBC.prctl(22, 2, ctypes.byref(head), 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")
        os.execvp(command[0], command)
    finally:
        os._exit(127)  # a child of a fork never goes on as its parent


def text_at(pid: int, address: int) -> str:
    """Return the zero-ended text at an address of a process."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < 65536:
            found += memory.read(256 - (address + len(found)) % 256)
    return os.fsdecode(found.partition(b"\0")[0])


def label_of(pid: int, parent: str) -> str:
    """Return what a process that has just begun a program is called: its script, or "worker of SCRIPT"."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if b"large.worker" in words:
        return f"worker of {parent}"
    return next((Path(os.fsdecode(word)).name for word in words[1:] if word.endswith(b".py")), parent)


class Tracer:
    """Traces one command and all that it launches.

    Of spec are used: root, ports, script, at, act, when, whom, errno, sticky, record (tests/tracing/__init__.py).
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.root = os.path.realpath(spec["root"])
        self.labels: dict[int, str] = {}
        self.counts: Counter[str] = Counter()
        self.events: list[dict[str, Any]] = []
        self.pending: dict[int, tuple[dict[str, Any], Registers]] = {}
        self.waiting: list[tuple[int, dict[str, Any], Registers]] = []
        self.struck: dict[str, Any] | None = None
        self.alive: set[int] = set()
        self.code = 0

    def run(self, command: list[str]) -> None:
        """Run the command to the end of its last process."""
        first = os.fork()
        if not first:
            become_traced(command)
        os.waitpid(first, WALL)
        ptrace(SETOPTIONS, first, OPTIONS)
        self.labels[first] = ""
        self.alive.add(first)
        ptrace(CONT, first)
        while True:
            try:
                pid, status = os.waitpid(-1, WALL)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):
                self.alive.add(pid)
                try:
                    self.stopped(pid, status)
                except (ProcessLookupError, FileNotFoundError):
                    self.pending.pop(pid, None)  # killed while it was looked at
                    self.next_call()
            else:
                self.alive.discard(pid)
                self.pending.pop(pid, None)
                self.next_call()
                if pid == first:
                    self.code = os.waitstatus_to_exitcode(status)

    def stopped(self, pid: int, status: int) -> None:
        """Look at one stop of one process and let it go on."""
        number, event = os.WSTOPSIG(status), status >> 16
        if pid not in self.labels:
            self.labels[pid] = self.inherited(pid)
        if event == SECCOMP:
            self.boundary(pid)
        elif number == SYSCALL_EXIT:
            self.passed(pid)
        elif event:
            if event == EXEC:
                self.labels[pid] = label_of(pid, self.labels[pid])
            ptrace(CONT, pid)
        else:  # a signal: its own, but for the stop that each new process begins with
            ptrace(CONT, pid, 0 if number == signal.SIGSTOP else number)

    def inherited(self, pid: int) -> str:
        """Return the name of a new process or thread: that of its group's first, or of its parent."""
        fields = dict(line.split(":\t", 1) for line in
                      Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines() if ":\t" in line)
        group = int(fields["Tgid"])
        return self.labels.get(group if group != pid else int(fields["PPid"]), "")

    # --- what a call is about -----------------------------------------------------------------------------------------

    def boundary(self, pid: int) -> None:
        """Before a call: count it where it is a boundary, and do what is asked for there."""
        registers = Registers()
        ptrace(GETREGS, pid, ctypes.byref(registers))
        told = self.told(pid, registers)
        if told is None:
            ptrace(CONT, pid)
            return
        label = self.labels[pid]
        self.counts[label] += 1
        told |= {"script": label, "number": self.counts[label]}
        if self.due(told):
            self.strike(pid, told, registers)
        elif self.spec.get("record"):
            self.waiting.append((pid, told, registers))
            self.next_call()
        else:
            self.events.append(told)
            ptrace(CONT, pid)

    def told(self, pid: int, registers: Registers) -> dict[str, Any] | None:
        """Return kind, path and more of a call, None where it is no boundary of ours."""
        kind, places, _ = CALLS[registers.orig_rax]
        values = [getattr(registers, name) for name in ARGUMENTS]
        words, paths = places.split(), []
        while words:
            how = words.pop(0)
            if how == "path":
                paths.append(self.path(pid, -100, values[int(words.pop(0))]))
            elif how == "at":
                folder, name = values[int(words.pop(0))], values[int(words.pop(0))]
                paths.append(self.path(pid, folder, name))
            elif how == "fd":
                paths.append(self.opened(pid, values[int(words.pop(0))]))
            else:
                words.pop(0)
        if not any(path and (path.startswith("port ") or self.below(path)) for path in paths):
            return None
        if kind == "mmap" and not values[2] & 2:
            return None
        told: dict[str, Any] = {"kind": kind, "path": self.short(paths[0])}
        if kind == "open":
            told["creates"] = not Path(paths[0]).exists()
        if len(paths) > 1:
            told["to"] = self.short(paths[1])
        if told["path"].startswith("port "):
            told["kind"] = "send"
        return told

    def below(self, path: str) -> bool:
        return path == self.root or path.startswith(self.root + "/")

    def short(self, path: str) -> str:
        return path[len(self.root) + 1:] or "." if self.below(path) else path

    def path(self, pid: int, folder: int, address: int) -> str:
        """Return an absolute path from a call's arguments, not followed where it is a link."""
        given = text_at(pid, address)
        signed = ctypes.c_int(folder & 0xFFFFFFFF).value
        base = Path(f"/proc/{pid}", "cwd" if signed == -100 else f"fd/{signed}").readlink()
        whole = Path(os.path.normpath(base / given))
        return str(Path(os.path.realpath(whole.parent), whole.name))

    def opened(self, pid: int, descriptor: int) -> str:
        """Return what a descriptor stands for: a path, "port N" where it is a connection to a port asked for."""
        try:
            found = str(Path(f"/proc/{pid}/fd/{ctypes.c_int(descriptor & 0xFFFFFFFF).value}").readlink())
        except FileNotFoundError:
            return ""
        if found.startswith("socket:[") and self.spec.get("ports"):
            return self.peer(pid, found[8:-1])
        return found

    def peer(self, pid: int, inode: str) -> str:
        """Return "port N" for a connection to a port of the spec, "" for every other socket."""
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[9] == inode:
                    port = int(fields[2].rpartition(":")[2], 16)
                    return f"port {port}" if port in self.spec["ports"] else ""
        return ""

    # --- what is done there ---------------------------------------------------------------------------------------

    def due(self, told: dict[str, Any]) -> bool:
        """Tell whether this is where to strike; a disk that is full stays full."""
        spec = self.spec
        if not spec.get("act") or spec["script"] not in ("", told["script"]):
            return False
        if self.struck:
            return bool(spec.get("sticky")) and (told["kind"] in ("write", "mkdir", "truncate") or told.get("creates"))
        return bool(spec["at"] == (told["number"] if spec["script"] else sum(self.counts.values())))

    def strike(self, pid: int, told: dict[str, Any], registers: Registers) -> None:
        """Kill, cut short and kill, or let fail."""
        self.struck = self.struck or told
        size = CALLS[registers.orig_rax][2]
        if self.spec["act"] == "error":
            registers.orig_rax, registers.rax = 2**64 - 1, 2**64 - self.spec["errno"]
            ptrace(SETREGS, pid, ctypes.byref(registers))
            ptrace(CONT, pid)
        elif self.spec["when"] == "before" or size is None:
            self.kill(pid)
        else:  # half of a write happens
            setattr(registers, ARGUMENTS[size], getattr(registers, ARGUMENTS[size]) // 2)
            ptrace(SETREGS, pid, ctypes.byref(registers))
            self.pending[pid] = ({"kill": True}, registers)
            ptrace(SYSCALL, pid)

    def kill(self, pid: int) -> None:
        """Kill whom the spec says: the process itself, the orchestrator, or all of the run at once."""
        whom = self.spec["whom"]
        if whom == "all":
            victims = sorted(self.alive)
        elif whom == "orchestrator":
            victims = [each for each in self.alive if self.labels.get(each) == "etl_process.py"]
        else:
            victims = [pid]
        for each in victims:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if pid not in victims:
            ptrace(CONT, pid)

    def passed(self, pid: int) -> None:
        """After a call: kill where that was asked for, else keep what it did."""
        told, before = self.pending.pop(pid, (None, Registers()))
        if told and told.get("kill"):
            self.kill(pid)
            return
        if told:
            registers = Registers()
            ptrace(GETREGS, pid, ctypes.byref(registers))
            told["result"] = ctypes.c_longlong(registers.rax).value
            self.keep(pid, told, before)
            self.events.append(told)
        ptrace(CONT, pid)
        self.next_call()

    def next_call(self) -> None:
        """Let the next recorded call be made when none is under way: of two at once, nobody knows which was first.

        A worker's folder was told before the one around it, which another worker had made an instant earlier.
        """
        while self.waiting and not self.pending:
            pid, told, registers = self.waiting.pop(0)
            self.pending[pid] = (told, registers)
            try:
                ptrace(SYSCALL, pid)
            except ProcessLookupError:  # killed while it waited
                del self.pending[pid]

    def keep(self, pid: int, told: dict[str, Any], call: Registers) -> None:
        """Add to a call that was made what a disk would have to know of it."""
        number, kind = call.orig_rax, told["kind"]
        if told["result"] < 0 or told["path"].startswith("port "):
            return
        if kind == "open":
            flags = {2: call.rsi, 257: call.rdx}.get(number, os.O_CREAT | os.O_TRUNC)
            told["truncates"] = bool(flags & os.O_TRUNC)
        elif kind == "write" and told["result"]:
            descriptor = call.rdx if number == 326 else call.rdi
            at = call.r10 if number in (18, 296) else self.position(pid, descriptor) - told["result"]
            with Path(f"/proc/{pid}/fd/{descriptor}").open("rb") as written:
                written.seek(at)
                data = written.read(told["result"])
            told |= {"at": at, "data": base64.b64encode(data).decode("ascii")}
        elif kind == "truncate":
            place = Path(self.root, told["path"]) if number == 76 else Path(f"/proc/{pid}/fd/{call.rdi}")
            told["size"] = place.stat().st_size
        elif kind == "rename" and number == 316:
            told["exchange"] = bool(call.r8 & 2)
        elif kind == "unlink" and number == 263:
            told["folder"] = bool(call.rdx & 0x200)

    def position(self, pid: int, descriptor: int) -> int:
        """Return where in its file a descriptor stands."""
        told = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(encoding="ascii")
        return int(told.partition("pos:")[2].split()[0])


def main() -> int:
    """Run the command of the command line as SPEC says and write the report."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    tracer = Tracer(spec)
    tracer.run(sys.argv[2:])
    report = {"code": tracer.code, "counts": tracer.counts, "struck": tracer.struck, "events": tracer.events}
    Path(spec["report"]).write_text(json.dumps(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
