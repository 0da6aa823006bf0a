"""Verify an export of the decision log, trusting nobody: not even the router that wrote it.

    python verify_export.py EXPORT.jsonl [--public-key HEX] [--anchor FILE] [--part]

Standard library only, and nothing of the router's. What it checks, in this order:

1. Heads are signed with the key that you were given another way (--public-key), or with one that
   it leads to: a new key and the one before it sign each other. Ed25519 needs the `cryptography`
   package; without it this one check is skipped, and that is said.
2. Every line is canonical JSON: sorted names, none twice, no space between them. Without its
   link, `"chain":…,`, it is what was hashed.
3. The rows are numbered without a gap, a copy or a swap. In an export of a part of the log, the
   proofs file has a hash over each stretch that was left out.
4. Every row, hashed again, gives its link of the chain; all of them give the Merkle root (RFC
   9162) and the chain of every signed head.
5. Heads that were anchored elsewhere (--anchor) are prefixes of this log: nobody rewrote it since.
6. Where the log does not begin at row 1, a row says that what came before was pruned.
7. With --public-key, a head covers the last row.
8. The file is the one that its manifest describes (SHA-256).

It ends with 0 and "whole", or with 1 and the first row that is not what was written. A part of the
log is never "whole": it ends with 1 as well, unless --part says that a part is what you want.
"""

import argparse
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

HEAD, KEY = "mcp-router-head-1", "mcp-router-key-1"
BAD = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def fail(row, why):
    """End with the first row that is not what was written."""
    sys.exit(f"BROKEN at row {row}: {why}")


def sha256(*parts):
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(b"".join(parts)).digest()


def in_order(pairs):
    """Take an object of JSON whose names are sorted as RFC 8785 says, each of them once."""
    names = [name.encode("utf-16-be", "surrogatepass") for name, _ in pairs]
    if any(first >= second for first, second in itertools.pairwise(names)):
        raise ValueError("names out of order")
    return dict(pairs)


def read_row(line, expected):
    """Return a row, whose line must be canonical JSON."""
    try:
        text = line.decode()
        row = json.loads(text, object_pairs_hook=in_order)
        right = set(row) == {"chain", "record", "seq"} and isinstance(row["seq"], int)
        if not right or re.search(r"\s", STRING.sub("", text)):
            raise ValueError("not canonical")
        return row
    except (ValueError, TypeError, RecursionError) as error:
        fail(expected, f"its line is no canonical JSON ({error})")


class Log:
    """The log so far: its chain, and the roots of the tree's perfect subtrees, largest first."""

    def __init__(self, before, heads, gaps):
        """Begin after what `before` stands for; `gaps` stand for rows that were left out."""
        self.size, self.nodes = before["size"], [bytes.fromhex(one) for one in before["frontier"]]
        self.chain = bytes.fromhex(before["chain"])
        self.heads = [one for one in heads if one["size"] >= self.size]
        self.compared, self.passed = 0, len(heads) - len(self.heads)
        self.gaps = gaps or iter(())
        self.gap, self.covered = next(self.gaps, None), self.size
        self.compare_heads()

    def add(self, level, node, chain):
        """Add 2^level leaves by their root, and the chain after them."""
        if not 0 <= level <= 62 or self.size % 2**level:
            fail(self.size + 1, "the proof over what was left out does not fit here")
        pairs = self.size >> level
        while pairs & 1:  # two subtrees of one size become one
            node, pairs = sha256(b"\x01", self.nodes.pop(), node), pairs >> 1
        self.nodes.append(node)
        self.size, self.chain = self.size + 2**level, chain
        self.compare_heads()

    def add_row(self, line, link):
        """Add the next row by its line, in front of which an export has put its link."""
        leaf = sha256(b"\x00", b"{" + line[len('{"chain":"",' + link) :])
        chain = sha256(self.chain, leaf)
        if chain.hex() != link:
            fail(self.size + 1, "it was changed, or does not follow from the row before it")
        self.add(0, leaf, chain)

    def add_gaps(self, until):
        """Add what was left out before row `until`."""
        while self.gap and self.gap["seq"] == self.size + 1 < until:
            self.add(self.gap["level"], *map(bytes.fromhex, (self.gap["hash"], self.gap["chain"])))
            self.gap = next(self.gaps, None)

    def root(self):
        """Return the root of the tree."""
        root = self.nodes[-1] if self.nodes else sha256()
        for node in reversed(self.nodes[:-1]):
            root = sha256(b"\x01", node, root)
        return root.hex()

    def compare_heads(self):
        """Compare every head that is reached with the tree and the chain."""
        while self.heads and self.heads[0]["size"] <= self.size:
            head, first = self.heads.pop(0), self.covered + 1
            found = (self.size, self.root(), self.chain.hex())
            if (head["size"], head["root"], head["chain"]) != found:
                fail(first, f"rows {first} to {head['size']} are not what a head was signed over")
            self.covered, self.compared = head["size"], self.compared + 1


def name_of(public):
    """Return what a public key is called in heads."""
    return sha256(bytes.fromhex(public)).hex()[:32]


def is_signed(public_key, fields, kind, signature):
    """Return whether a key has signed these fields."""
    message = json.dumps({**fields, "kind": kind}, sort_keys=True, separators=(",", ":")).encode()
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def key_of(text):
    """Return the public key of an argument, which an empty one is not."""
    if len(bytes.fromhex(text)) != 32:
        raise ValueError(text)
    return text


def believed(public_key, keys):
    """Return the key and those that it leads to, by name: two that signed a change together."""
    publics = {name_of(one): one for one in [public_key, *(key["public_key"] for key in keys)]}
    changes, known = [], {name_of(public_key)}
    for key in keys:
        public, old, new = key["public_key"], key.get("signed_by"), name_of(key["public_key"])
        fields = {"key_id": new, "public_key": public, "signed_by": old}
        both = ((publics.get(old), key.get("signature")), (public, key.get("accepted")))
        if old in publics and all(is_signed(by, fields, KEY, signed) for by, signed in both):
            changes.append({old, new})
    while more := [one for one in changes if one & known and not one <= known]:
        known.update(*more)
    return {name: publics[name] for name in known}


def check_signatures(found, public_key, keys):
    """Check that heads are signed with the key, or one that it leads to, and say so."""
    if Ed25519PublicKey is None:
        if public_key:
            sys.exit("The key cannot be checked: the package `cryptography` is not installed.")
        return "signatures NOT checked: the package `cryptography` is not installed"
    known = believed(public_key or keys[0]["public_key"], keys) if found else {}
    for one in found:
        head = one["head"]
        public = known.get(head["key_id"])
        if not public or not is_signed(public, head, HEAD, one["signature"]):
            fail(head["size"], f"the head of {head['size']} rows is not signed with the key")
    if not found:
        return "NOT signed"
    return "signed with your key" if public_key else "signed with a key that you did not name"


def anchored(path):
    """Return the heads of an anchor's file; other lines of a server's output may stand between."""
    found = []
    for line in lines_of(path):
        try:
            one = json.loads(line)
            found += [one] if {"head", "signature", "public_key"} <= one.keys() else []
        except (ValueError, AttributeError, RecursionError):
            pass
    return found or sys.exit(f"{path} holds no head, so it proves nothing.")


def lines_of(path):
    """Yield the lines of a file."""
    with Path(path).open("rb") as file:
        yield from file


def add_rows(log, export, before):
    """Add every row; return how many, the file's SHA-256, and which row tells of the pruning."""
    digest, rows, pruned = hashlib.sha256(), 0, None
    for whole_line in lines_of(export):
        digest.update(whole_line)
        rows += 1
        line = whole_line.removesuffix(b"\n")
        row = read_row(line, log.size + 1)
        log.add_gaps(row["seq"])
        if row["seq"] != log.size + 1:
            fail(log.size + 1, f"row {row['seq']} stands in its place")
        log.add_row(line, row["chain"])
        event = row["record"].get("audit", {})
        if (event.get("change"), event.get("size")) == ("log_pruned", before):
            pruned = row["seq"]
    return rows, digest.hexdigest(), pruned


def verify(asked):
    """Verify what the command line names, and return what it comes to."""
    manifest = json.loads(Path(f"{asked.export}.manifest.json").read_bytes())
    key, part, before = asked.public_key, bool(manifest["filtered"]), manifest["before"]["size"]
    found = [*manifest["heads"], *([manifest] if "head" in manifest else [])]
    found += anchored(asked.anchor) if asked.anchor else []
    signed = check_signatures(found, key, manifest["keys"])
    heads = sorted((one["head"] for one in found), key=lambda head: head["size"])
    gaps = map(json.loads, lines_of(f"{asked.export}.proofs.jsonl")) if part else None

    log = Log(manifest["before"], heads, gaps)
    rows, digest, pruned = add_rows(log, asked.export, before)
    last = max([manifest["last_seq"] or 0, *(head["size"] for head in log.heads)])
    log.add_gaps(last + 1)
    if log.size < last or log.gap:
        fail(log.size + 1, f"rows {log.size + 1} to {last} are missing")
    if before and not part and not pruned:
        fail(1, f"rows 1 to {before} are missing, and no row says that they were pruned")
    if key and not (log.compared and log.covered == log.size):
        fail(log.covered + 1, "from here on no head is signed with your key")
    if (rows, digest) != (manifest["rows"], manifest["sha256"]):
        fail(log.covered + 1, "the file is not the one that the manifest describes")
    told = f"{rows} rows, covered up to row {log.covered} by {log.compared} heads, "
    told += f"root {log.root()} {signed}"
    if log.passed:
        told += f"; {log.passed} heads of fewer than {before} rows were not compared"
    if part:
        told = f"PART of the log, {log.size - rows} of {log.size} rows left out: {told}"
        return told if asked.part else sys.exit(f"{told}; accept a part with --part")
    begun = f" from row {before + 1} on, after the pruning that row {pruned} tells of"
    return f"whole{begun if before else ''}: {told}"


def main():
    """Verify an export, and say what it comes to."""
    parser = argparse.ArgumentParser(description="Verify an export of the decision log.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--public-key", type=key_of, help="64 digits, as `audit key` prints them")
    parser.add_argument("--anchor", type=Path, help="a file of heads that were kept elsewhere")
    parser.add_argument("--part", action="store_true", help="accept a part of the log")
    asked = parser.parse_args()
    try:
        print(verify(asked))
    except BAD as error:
        sys.exit(f"BROKEN: the evidence is not what an export writes ({error!r:.200})")


if __name__ == "__main__":
    main()
