"""Verify an export of the decision log, trusting nobody: not even the router that wrote it.

    python verify_export.py EXPORT.jsonl [--public-key HEX] [--anchor FILE]

Standard library only, and nothing of the router's. What it checks, in this order:

1. The file is the one that its manifest describes (SHA-256).
2. Every line is canonical JSON: sorted names, none twice, no space between them.
3. The rows are numbered without a gap, a copy or a swap. In an export of a part of the log, the
   proofs file has a hash over each stretch that was left out.
4. Every row, hashed again, gives the Merkle root (RFC 9162) and the chain of the signed head.
5. Heads that were anchored elsewhere (--anchor) are prefixes of this log: nobody rewrote it since.
6. The head is signed with the key that you were given another way (--public-key). Ed25519 needs
   the `cryptography` package; without it this one check is skipped, and that is said.

It ends with 0 and "whole", or with 1 and the first row that is not what was written.
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


def row_number(line, expected):
    """Return the number of a row, whose line must be canonical JSON."""
    try:
        text = line.decode()
        row = json.loads(text, object_pairs_hook=in_order)
        if set(row) != {"record", "seq"} or re.search(r"\s", STRING.sub("", text)):
            raise ValueError("not canonical")
        return int(row["seq"])
    except (ValueError, TypeError, KeyError) as error:
        fail(expected, f"its line is no canonical JSON ({error})")


class Log:
    """The log so far: its chain, and the roots of the tree's perfect subtrees, largest first."""

    def __init__(self, before, heads, gaps):
        """Begin after what `before` stands for; `gaps` stand for rows that were left out."""
        self.size, self.nodes = before["size"], [bytes.fromhex(one) for one in before["frontier"]]
        self.chain = bytes.fromhex(before["chain"]) if gaps is None else None  # it needs every row
        self.heads = [one for one in heads if one["size"] >= self.size]
        self.gaps = gaps or iter(())
        self.gap, self.covered = next(self.gaps, None), self.size
        self.compare_heads()

    def add(self, level, node):
        """Add 2^level leaves by their root."""
        if self.size % 2**level:
            fail(self.size + 1, "the proof over what was left out does not fit here")
        pairs = self.size >> level
        while pairs & 1:  # two subtrees of one size become one
            node, pairs = sha256(b"\x01", self.nodes.pop(), node), pairs >> 1
        self.nodes.append(node)
        self.size += 2**level
        self.compare_heads()

    def add_row(self, line):
        """Add the next row by its line."""
        leaf = sha256(b"\x00", line)
        self.chain = self.chain and sha256(self.chain, leaf)
        self.add(0, leaf)

    def add_gaps(self, until):
        """Add what was left out before row `until`."""
        while self.gap and self.gap["seq"] == self.size + 1 < until:
            self.add(self.gap["level"], bytes.fromhex(self.gap["hash"]))
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
            same = (head["size"], head["root"]) == (self.size, self.root())
            if not same or (self.chain and head["chain"] != self.chain.hex()):
                fail(first, f"rows {first} to {head['size']} are not what a head was signed over")
            self.covered = head["size"]


def check_signature(found, public_key):
    """Check who signed a head, and say so."""
    if Ed25519PublicKey is None:
        return "signature NOT checked: the package `cryptography` is not installed"
    head = {**found["head"], "kind": "mcp-router-head-1"}
    message = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key or found["public_key"]))
        key.verify(bytes.fromhex(found["signature"]), message)
    except (InvalidSignature, ValueError):
        fail(found["head"]["size"], "the signature of its head is not the key's")
    return "signed with your key" if public_key else "signed with a key that you did not name"


def main():
    """Verify what the command line names."""
    parser = argparse.ArgumentParser(description="Verify an export of the decision log.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--public-key", help="64 digits, as `mcp-router audit key` prints them")
    parser.add_argument("--anchor", type=Path, help="a file of heads that were kept elsewhere")
    asked = parser.parse_args()
    manifest = json.loads(Path(f"{asked.export}.manifest.json").read_text("utf-8"))
    heads = [manifest] if "head" in manifest else []
    told = [check_signature(one, asked.public_key) for one in heads] or ["NOT signed"]
    if asked.anchor:
        heads += [json.loads(line) for line in asked.anchor.read_text("utf-8").splitlines()]
    heads = sorted((one["head"] for one in heads), key=lambda head: head["size"])
    proofs = Path(f"{asked.export}.proofs.jsonl")
    gaps = map(json.loads, proofs.read_text("utf-8").splitlines()) if manifest["proofs"] else None

    log, digest, rows = Log(manifest["before"], heads, gaps), hashlib.sha256(), 0
    with asked.export.open("rb") as file:
        for whole_line in file:
            digest.update(whole_line)
            rows += 1
            line = whole_line.removesuffix(b"\n")
            seq = row_number(line, log.size + 1)
            log.add_gaps(seq)
            if seq != log.size + 1:
                fail(log.size + 1, f"row {seq} stands in its place")
            log.add_row(line)
    last = max([manifest["last_seq"], *(head["size"] for head in log.heads)])
    log.add_gaps(last + 1)
    if log.size < last:
        fail(log.size + 1, f"rows {log.size + 1} to {last} are missing")
    if (rows, digest.hexdigest()) != (manifest["rows"], manifest["sha256"]):
        fail(log.covered + 1, "the file is not the one that the manifest describes")
    print(f"whole: {rows} rows, covered up to row {log.covered}, root {log.root()}", *told)


if __name__ == "__main__":
    main()
