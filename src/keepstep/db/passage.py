"""As whom the embedded server runs when Keepstep itself runs as root, and how that account reaches the home folder.

PostgreSQL refuses to run as root. Must not know what lies in the folders.
"""

import os
import pwd
import stat
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ACCOUNT: Final = "keepstep"
# There on every system, and better than no database where accounts cannot be made.
_LAST_RESORT: Final = "nobody"

_ACL: Final = "system.posix_acl_access"
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")
_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_NOBODY_IN_PARTICULAR: Final = 0xFFFFFFFF
_SEARCH: Final = 0o1


def account_for_server() -> pwd.struct_passwd | None:
    """The account that the server runs as; None when Keepstep is not root, and the server runs as Keepstep does."""
    if os.geteuid() != 0:
        return None
    return _found(ACCOUNT) or _made(ACCOUNT) or pwd.getpwnam(_LAST_RESORT)


def _found(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd | None:
    command = ("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name)
    try:
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - fixed arguments
    except FileNotFoundError:
        return None
    # Another process may have been faster, so what counts is whether it is there.
    return _found(name)


def open_passage(folder: Path, user: int) -> None:
    """Lets that user walk through the folders above this one, where they do not: to search, never to list or read.

    By an access control entry for the user alone; where the file system has none, by the search bit for all.
    """
    for parent in folder.resolve().parents:
        if not _may_search(parent, user):
            try:
                os.setxattr(parent, _ACL, _with_search(parent, user))
            except OSError:
                parent.chmod(stat.S_IMODE(parent.stat().st_mode) | stat.S_IXOTH)


def _may_search(folder: Path, user: int) -> bool:
    state = folder.stat()
    by_mode = state.st_mode & (stat.S_IXUSR if state.st_uid == user else stat.S_IXOTH)
    # A later chmod of the folder narrows the mask, and the entry then stands there without effect.
    by_entry = _mask(_acl(folder)) & _SEARCH and any(tag == _USER and who == user and may & _SEARCH for tag, may, who in _acl(folder))
    return bool(by_mode or by_entry)


def _mask(entries: Sequence[tuple[int, int, int]]) -> int:
    """What entries for users and groups may come to at most; the group's own permissions where there is no mask."""
    return next((may for tag, may, _ in entries if tag == _MASK), next(may for tag, may, _ in entries if tag == _GROUP_OBJ))


def _acl(folder: Path) -> list[tuple[int, int, int]]:
    """The folder's entries (tag, permissions, id); those of its mode where it has no list of its own."""
    try:
        raw = os.getxattr(folder, _ACL)
    except OSError:
        mode = folder.stat().st_mode
        return [
            (_USER_OBJ, mode >> 6 & 7, _NOBODY_IN_PARTICULAR),
            (_GROUP_OBJ, mode >> 3 & 7, _NOBODY_IN_PARTICULAR),
            (_OTHER, mode & 7, _NOBODY_IN_PARTICULAR),
        ]
    return list(_ENTRY.iter_unpack(raw[_HEADER.size :]))


def _with_search(folder: Path, user: int) -> bytes:
    """The folder's list with the right to search added for that user; the mask grows by it, or it would count for nothing."""
    entries = [entry for entry in _acl(folder) if not (entry[0] == _USER and entry[2] == user)]
    kept = [entry for entry in entries if entry[0] != _MASK]
    added = [*kept, (_USER, _SEARCH, user), (_MASK, _mask(entries) | _SEARCH, _NOBODY_IN_PARTICULAR)]
    # The kernel takes them only in this order.
    return _HEADER.pack(2) + b"".join(_ENTRY.pack(*entry) for entry in sorted(added, key=lambda entry: (entry[0], entry[2])))
