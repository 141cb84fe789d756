"""Errors of the system by number: what was found, and what mends it."""

import errno

RERUN = "run the same command again"
AGAIN = f"then {RERUN}"
_OTHER_PLACE = "choose another place (`root` in the run file, LEAF_RAY_CACHE, TMPDIR)"
RAY_TOKEN = (
    "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or the file ~/.ray/auth_token) to those of the "
    "cluster"
)
NETWORK = "check the address, the network and the proxy settings, " + AGAIN

# What was found and what to do, by errno.
OS_ERRORS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: (
        "there is no space left on the disk",
        f"free some space or {_OTHER_PLACE}, " + AGAIN,
    ),
    errno.EDQUOT: (
        "the disk quota of this user is used up",
        f"free some space or {_OTHER_PLACE}, " + AGAIN,
    ),
    errno.EFBIG: (
        "a file grew larger than this shell or file system allows",
        f"raise `ulimit -f` or {_OTHER_PLACE}, " + AGAIN,
    ),
    errno.EACCES: (
        "this user has no permission",
        f"give it access (chmod, chown) or {_OTHER_PLACE}",
    ),
    errno.EPERM: ("the system does not permit it", f"give this user access or {_OTHER_PLACE}"),
    errno.EROFS: ("the file system is read-only", f"mount it to be written, or {_OTHER_PLACE}"),
    errno.ENOENT: (
        "a file or folder is not there",
        "check the path, and whether something removed it meanwhile",
    ),
    errno.EISDIR: (
        "a folder stands where a file should be",
        "name a file, or move the folder away",
    ),
    errno.ENOTDIR: (
        "a file stands where a folder should be",
        "name a folder, or move the file away",
    ),
    errno.EEXIST: ("a file is there already", "move it away, or choose another place"),
    errno.ENOTEMPTY: (
        "a folder that should be empty is not",
        "end what else writes into it, " + AGAIN,
    ),
    errno.ENAMETOOLONG: ("a path or a file name is too long", "choose a shorter one"),
    errno.ELOOP: ("a symbolic link leads back to itself", "mend the link"),
    errno.EMFILE: ("too many files are open in this process", "raise `ulimit -n`, " + AGAIN),
    errno.ENFILE: ("too many files are open on this machine", "end other programs, " + AGAIN),
    errno.EAGAIN: (
        "the system gives no more processes or locks",
        "raise `ulimit -u` or end other programs, " + AGAIN,
    ),
    errno.ENOLCK: ("the file system gives no locks", _OTHER_PLACE),
    errno.EIO: ("the disk or the network file system failed", "check it (dmesg), " + AGAIN),
    errno.ESTALE: ("the network file system lost the file", "mount it again, " + AGAIN),
    errno.ETXTBSY: ("the file is in use", "end what uses it, " + AGAIN),
    errno.EBUSY: ("the file or folder is in use", "end what uses it, " + AGAIN),
    errno.EADDRINUSE: ("the port is in use", "end what uses it, or choose another port"),
    errno.EADDRNOTAVAIL: (
        "this machine has no such address",
        "choose another host, such as 127.0.0.1",
    ),
    errno.ECONNREFUSED: ("nothing answers at the address", NETWORK),
    errno.ECONNRESET: ("the connection was cut", NETWORK),
    errno.ETIMEDOUT: ("nothing answered in time", NETWORK),
    errno.EHOSTUNREACH: ("the host cannot be reached", NETWORK),
    errno.ENETUNREACH: ("the network cannot be reached", NETWORK),
}
