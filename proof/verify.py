#!/usr/bin/env python3
"""Verifies an Evident evidence pack, trusting nobody but arithmetic.

    python3 verify.py [--key VKEY|FILE]... [PACK.zip | FOLDER]

Without an argument it verifies the folder that it lies in. Exit status: 0 the
pack is verified, 1 it is not (the last line says what is wrong and where),
2 it could not be checked at all (no such file, wrong arguments).

What it proves. The company's system writes every event into a trail: a
sequence of records, each of which contains a fingerprint (a SHA-256 hash) of
the one before. The state of the whole trail is one fingerprint, which the
system signs. This program recomputes all of that from the files of the pack:
that every record shown is in the trail exactly as it was recorded, that the
trail is the signed one, and that no record of the period which matches the
filter has been left out. It reads; it writes nothing, starts nothing and
opens no network connection. It needs Python 3.8 or later and nothing else.

What it cannot prove: that an event which nobody recorded has happened. And
whoever may have changed the pack may have changed this program too: take it
from somewhere else, or compare its SHA-256 with the published one. Without
--key it can only say that the pack agrees with itself and the key inside it.

Reading order. Start at verify() near the end: it is the list of steps, one
line of output each. The parts before it follow the sections of the page
docs/format.md, whose numbers they bear:

    How failures are named      fail, and reading JSON without tolerance
    Section 6.1   The zip       files in a pack, read without unpacking to disk
    Section 2     The header    the public line of a record
    Section 3     The body      fields, their fingerprints, what may be withheld
    Section 4     The tree      one fingerprint for all; notes and signatures
    Section 6.8   The filter    which records were asked for
    Section 6.7   The CSV       the list for a spreadsheet
    Section 7     The steps     a to m
"""
import base64
import datetime
import functools
import hashlib
import ipaddress
import json
import os
import re
import stat
import struct
import sys
import zlib
from json.decoder import scanstring

# ---------------------------------------------------------------------------
# How failures are named (section 7). Every check ends in must() or fail().
# ---------------------------------------------------------------------------
ILL_FORMED = "is not well formed"
UNFIT = "does not fit"
NOT_LISTED = "is not what pack.json lists"
UNSIGNED = "is not signed by a trusted key"
FOREIGN = "does not belong to this trail"
STRAY = "does not belong here"
TWICE = "stands twice"
NOT_SAID = "is not what the records say"
NOT_A_ZIP = "is not a zip in the form of evident.pack/1"


class NotVerified(Exception):
    """The pack is not what it claims to be; the text says where and what."""


def fail(where, what):
    raise NotVerified("%s: %s" % (where, what))


def must(condition, where, what=ILL_FORMED):
    if not condition:
        fail(where, what)


# Control characters and characters that turn the direction of text are never
# printed: a hostile event must not be able to fake a line of this program.
CLEAN = {c: " " for r in (range(0x20), range(0x7F, 0xA0)) for c in r}
CLEAN.update({c: "\ufffd" for r in ([0x61C, 0xFEFF], range(0x200B, 0x2010), range(0x2028, 0x202F),
                                    range(0x2060, 0x206A)) for c in r})


def say(step, text):
    print("%-9s %s" % (step, text.translate(CLEAN)))


# JSON is read strictly: no name twice, no number that is not a plain count, no
# text that is not Unicode, and no member more or less than the format has.
MAX_NUMBER = 2**63 - 1


def read_json(data, where):
    def pairs(items):
        names = dict(items)
        if len(names) != len(items):
            raise ValueError("a name stands twice")
        return names

    def count(digits):
        if digits[0] == "-" or len(digits) > 19 or int(digits) > MAX_NUMBER:
            raise ValueError("not a count")
        return int(digits)

    def refuse(_):
        raise ValueError("not a count")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_int=count,
                           parse_float=refuse, parse_constant=refuse)
        if b"\\u" in data:  # half of a character pair is no text: this raises
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except (ValueError, RecursionError):
        fail(where, ILL_FORMED)


def members(value, where, names, optional=""):
    """The values of exactly these members of a JSON object, None for an absent optional one."""
    names, optional = names.split(), optional.split()
    must(type(value) is dict and set(names) <= set(value) <= set(names + optional), where)
    return [value.get(name) for name in names + optional]


def text_in(value, where):
    must(type(value) is str, where)
    return value


def count_in(value, where):
    must(type(value) is int, where)
    return value


def list_in(value, where):
    must(type(value) is list, where)
    return value


def hex_in(value, where, size=32):
    must(type(value) is str and re.fullmatch("[0-9a-f]{%d}" % (2 * size), value), where)
    return bytes.fromhex(value)


# Times are compared as text: with the Z taken off, earlier text is an earlier time.
TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{0,8}[1-9])?Z"


@functools.lru_cache(maxsize=1 << 20)
def is_moment(second):
    """Whether YYYY-MM-DDThh:mm:ss is in the calendar and between 1970 and 2261."""
    try:
        return 1970 <= datetime.datetime.strptime(second.decode(), "%Y-%m-%dT%H:%M:%S").year <= 2261 \
            and second[17:19] < b"60"
    except ValueError:
        return False


def is_time(text):
    return re.fullmatch(TIME, text) is not None and is_moment(text[:19])


def time_in(value, where):
    value = text_in(value, where).encode()
    must(is_time(value), where)
    return value


def sha256(data):
    return hashlib.sha256(data).digest()


# ---------------------------------------------------------------------------
# Section 6.1, 6.2: The zip, and the files in it
#
# A pack is a zip or the folder that it unpacks to. The zip has one fixed form:
# this code works out what each of its headers must be, byte for byte, and
# compares. So nothing can hide between the files or behind them. Names from a
# zip are never used as names on this machine; nothing is unpacked to disk.
# ---------------------------------------------------------------------------
FILES = ["keys.txt", "checkpoint.txt", "tree.json", "headers.jsonl", "manifests.jsonl", "anchor.jsonl",
         "records.jsonl", "others.jsonl", "population.csv", "index.html", "verify.py"]
CHUNK = 1 << 20
MAX_SMALL = 16 << 20  # files that are read as a whole
MAX_TREE = 256 << 20  # tree.json
MAX_LINE = 256 << 20  # one line of any file
MAX_PLAIN = 8 << 30  # any file
MAX_RATIO = 2000  # how many times its packed size a file may unpack to


class Folder:
    """The files of an unpacked pack."""

    def __init__(self, path):
        self.path, self.names, self.strange = path, [], []
        for name in os.listdir(path):
            regular = stat.S_ISREG(os.lstat(os.path.join(path, name)).st_mode)
            (self.names if regular else self.strange).append(name)

    def packed(self, _):
        return None

    def plain(self, name):
        with open(os.path.join(self.path, name), "rb") as f:
            yield from iter(lambda: f.read(CHUNK), b"")

    def check_crc(self, name, crc):
        pass


class Zip:
    """The files of a zip in the fixed form, read in place."""

    def __init__(self, file):
        self.file, self.names, self.strange, self.entries = file, [], [], {}
        size = file.seek(0, os.SEEK_END)
        end = self.read(size - 22, 22) if 22 <= size < 1 << 32 else b""
        must(end[:4] == b"PK\5\6", "zip", NOT_A_ZIP)
        count, length, start = struct.unpack("<10xHLL2x", end)
        must(count <= 64 and length < 1 << 16 and start + length + 22 == size, "zip", NOT_A_ZIP)
        directory, rebuilt, offset = self.read(start, length), b"", 0
        while len(rebuilt) < length:
            entry = directory[len(rebuilt):len(rebuilt) + 46]
            must(len(entry) == 46, "zip", NOT_A_ZIP)
            method, crc, packed, plain, n = struct.unpack("<10xH4xLLLH16x", entry)
            name = directory[len(rebuilt) + 46:len(rebuilt) + 46 + n]
            must(re.fullmatch(b"[a-z0-9._-]+", name) and name.decode() not in self.entries and
                 (method == 0 and packed == plain or method == 8 and plain <= MAX_RATIO * packed), "zip", NOT_A_ZIP)
            local = struct.pack("<4s5HLLLHH", b"PK\3\4", 20, 0, method, 0, 0x21, crc, packed, plain, n, 0) + name
            must(self.read(offset, len(local)) == local, "zip", NOT_A_ZIP)
            rebuilt += struct.pack("<4s6HLLLHHHHHLL", b"PK\1\2", 20, 20, 0, method, 0, 0x21, crc, packed, plain,
                                   n, 0, 0, 0, 0, 0, offset) + name
            self.entries[name.decode()] = (method, crc, offset + len(local), packed, plain)
            offset += len(local) + packed
        self.names = list(self.entries)
        must(rebuilt == directory and offset == start and
             end == struct.pack("<4s4HLLH", b"PK\5\6", 0, 0, len(self.names), len(self.names), length, start, 0),
             "zip", NOT_A_ZIP)
        for name in ("pack.json", "pack.note"):
            must(name not in self.entries or self.entries[name][0] == 0, "zip", NOT_A_ZIP)

    def read(self, offset, length):
        self.file.seek(offset)
        return self.file.read(length)

    def packed(self, name):
        """The bytes of a file as they lie in the zip."""
        _, _, offset, left, _ = self.entries[name]
        while left:
            chunk = self.read(offset, min(left, CHUNK))
            must(chunk, "zip", NOT_A_ZIP)  # the file shrank while we read it
            offset, left = offset + len(chunk), left - len(chunk)
            yield chunk

    def plain(self, name):
        """The bytes of a file, unpacked, never more of them than its header says."""
        method, _, _, _, left = self.entries[name]
        if method == 0:
            yield from self.packed(name)
            return
        inflate = zlib.decompressobj(-15)
        try:
            for chunk in self.packed(name):
                while chunk:
                    must(not inflate.eof, "zip", NOT_A_ZIP)
                    out = inflate.decompress(chunk, CHUNK)
                    chunk, left = inflate.unconsumed_tail + inflate.unused_data, left - len(out)
                    must(left >= 0, "zip", NOT_A_ZIP)
                    yield out
            out = inflate.flush()
        except zlib.error:
            fail("zip", NOT_A_ZIP)
        must(inflate.eof and len(out) == left, "zip", NOT_A_ZIP)
        yield out

    def check_crc(self, name, crc):
        must(self.entries[name][1] == crc, "zip", NOT_A_ZIP)


def read_small(pack, name, limit=MAX_SMALL):
    data = b""
    for chunk in pack.plain(name):
        data += chunk
        must(len(data) <= limit, name)
    return data


def lines(pack, name):
    """The lines of a file without their LF. A line that breaks the form (empty, without LF at its
    end, too long) comes out as the empty line, which no reader of lines accepts."""
    rest = []
    for chunk in pack.plain(name):
        parts = chunk.split(b"\n")
        rest.append(parts[0])
        if len(parts) > 1:
            yield b"".join(rest)
            yield from parts[1:-1]
            rest = [parts[-1]]
        if sum(map(len, rest)) > MAX_LINE:
            yield b""
    if any(rest):
        yield b""


def check_listed(pack, name, listed):
    """Step c for one file: its length and hash, packed and plain, are those that pack.json lists."""
    size, digest, packed_size, packed_digest = listed
    if pack.packed(name) is not None:
        check_bytes(name, pack.packed(name), packed_size, packed_digest)
    pack.check_crc(name, check_bytes(name, pack.plain(name), size, digest))


def check_bytes(name, chunks, size, digest):
    sha, crc, seen = hashlib.sha256(), 0, 0
    for chunk in chunks:
        sha.update(chunk)
        crc, seen = zlib.crc32(chunk, crc), seen + len(chunk)
        must(seen <= size, name, NOT_LISTED)
    must(seen == size and sha.digest() == digest, name, NOT_LISTED)
    return crc


# ---------------------------------------------------------------------------
# Section 2: The header, the public line of a record
#
# Headers stand in the pack without "prev", which follows from the line before.
# ---------------------------------------------------------------------------
NAMES = ("seq", "at", "source", "sseq", "occurred_at", "category", "action", "outcome", "id", "body")
HEADER = re.compile(
    rb'\{"v":1,"seq":(0|[1-9][0-9]{0,18}),"at":"(' + TIME + rb')",'
    rb'"source":"(evident|[a-z0-9][a-z0-9._]*/[a-z0-9][a-z0-9._-]*)",'
    rb'"sseq":(0|[1-9][0-9]{0,18}),"occurred_at":"(' + TIME + rb')",'
    rb'"category":"(authentication|account|access|privileged|data|config|change|network|system)",'
    rb'"action":"([a-z0-9_]+(?:\.[a-z0-9_]+){0,3})","outcome":"(success|failure|denied|unknown)",'
    rb'"id":"([0-9a-f]{32})","body":"([0-9a-f]{64})"\}')
AFTER_PREV = len(',"body":""}') + 64  # prev goes in front of these last bytes of the line


def read_header(line, where):
    match = HEADER.fullmatch(line)
    must(match, where)
    h = dict(zip(NAMES, match.groups()))
    must(len(h["source"]) <= 128 and len(h["action"]) <= 64 and int(h["sseq"]) <= MAX_NUMBER and
         is_moment(h["at"][:19]) and is_moment(h["occurred_at"][:19]), where)
    return h


def leaf_hash(line, prev):
    return sha256(b'\0%s,"prev":"%s"%s' % (line[:-AFTER_PREV], prev.hex().encode(), line[-AFTER_PREV:]))


def event_id(source, own_id):
    return sha256(b"evident.id/1\n" + struct.pack(">H", len(source)) + source + own_id)[:16].hex().encode()


# ---------------------------------------------------------------------------
# Section 3: The body, what happened
#
# A body is JSON text, cut into fields. Each field has its own fingerprint with
# its own random salt, so that one can be withheld and the rest still proven.
# ---------------------------------------------------------------------------
MAX_BODY, MAX_FIELDS, MAX_DEPTH = 24 << 20, 4096, 16
SPACE = re.compile(r"[ \t\n\r]*").match
SIMPLE = re.compile(r'-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null').match
PLAIN_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"').match


def string_at(s, i):
    """The string whose opening quote is s[i], decoded, and where it ends."""
    match = PLAIN_STRING(s, i)
    if match:
        return match.group(1), match.end()
    value, end = scanstring(s, i + 1, True)
    value.encode("utf-8")  # raises for half of a character pair
    return value, end


def scalar_end(s, i):
    if s[i:i + 1] == '"':
        return string_at(s, i)[1]
    match = SIMPLE(s, i)
    if not match:
        raise ValueError("no value at %d" % i)
    return match.end()


def scalar_array(s, i):
    """The elements of the array at s[i] and its end, or None if it holds more than scalars."""
    elements, i = [], SPACE(s, i + 1).end()
    if s[i:i + 1] == "]":
        return elements, i + 1
    while s[i:i + 1] not in ("{", "["):
        end = scalar_end(s, i)
        elements.append(s[i:end])
        i = SPACE(s, end).end()
        if s[i:i + 1] == "]":
            return elements, i + 1
        i = comma(s, i)
    return None


def comma(s, i):
    if s[i:i + 1] != ",":
        raise ValueError("no comma at %d" % i)
    return SPACE(s, i + 1).end()


def cut(body):
    """The fields of a body, [(pointer, token)] in their order. ValueError if the body breaks a rule."""
    s, fields = body.decode("utf-8"), []
    i = SPACE(s, 0).end()
    if len(body) > MAX_BODY or s[i:i + 1] != "{":
        raise ValueError("not an object")
    if SPACE(s, cut_value(s, i, "", 1, fields)).end() != len(s):
        raise ValueError("something behind the object")
    return fields


def cut_value(s, i, pointer, depth, fields):
    """Cuts the value at s[i] into fields and returns where it ends."""
    first = s[i:i + 1]
    if first in ("{", "["):
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        inside = SPACE(s, i + 1).end()
        if first == "{" and s[inside:inside + 1] != "}":
            return cut_object(s, inside, pointer, depth, fields)
        whole = scalar_array(s, i) if first == "[" else ([], inside + 1)
        if whole is None:
            return cut_array(s, inside, pointer, depth, fields)
        end = whole[1]
    else:
        end = scalar_end(s, i)
    name = pointer.encode("utf-8")
    if len(fields) == MAX_FIELDS or len(name) > 4096:
        raise ValueError("too many fields, or a pointer too long")
    fields.append((name, s[i:end].encode("utf-8")))
    return end


def cut_object(s, i, pointer, depth, fields):
    seen = set()
    while True:
        if s[i:i + 1] != '"':
            raise ValueError("no name at %d" % i)
        name, i = string_at(s, i)
        if name in seen or "\0" in name:
            raise ValueError("name twice, or NUL")
        seen.add(name)
        i = SPACE(s, i).end()
        if s[i:i + 1] != ":":
            raise ValueError("no colon at %d" % i)
        name = name.replace("~", "~0").replace("/", "~1")
        i = SPACE(s, cut_value(s, SPACE(s, i + 1).end(), pointer + "/" + name, depth + 1, fields)).end()
        if s[i:i + 1] == "}":
            return i + 1
        i = comma(s, i)


def cut_array(s, i, pointer, depth, fields):
    position = 0
    while True:
        i = SPACE(s, cut_value(s, i, "%s/%d" % (pointer, position), depth + 1, fields)).end()
        if s[i:i + 1] == "]":
            return i + 1
        i, position = comma(s, i), position + 1


def is_token(token):
    """Whether token is one field's value, as cut() would find it."""
    try:
        return cut(b'{"x":' + token + b"}") == [(b"/x", token)]
    except ValueError:
        return False


def string_of(token):
    """The text of a string token, as UTF-8; any other token as it stands."""
    if token[:1] != b'"':
        return token
    return string_at(token.decode("utf-8"), 0)[0].encode("utf-8")


def values_of(token):
    """The values that a filter looks at (section 6.8)."""
    if token[:1] == b"[":
        return [v for e in scalar_array(token.decode("utf-8"), 0)[0] for v in values_of(e.encode("utf-8"))]
    return [] if token[:1] in (b"{", b"n") else [string_of(token)]


def commitment(salt, pointer, token):
    return sha256(b"\2" + salt + struct.pack(">H", len(pointer)) + pointer + token)


def body_digest(commitments):
    return sha256(b"\3evc1\n" + struct.pack(">H", len(commitments)) + b"".join(sorted(commitments)))


def whole_digest(fields, seed):
    salts = b"".join(sha256(b"\4" + seed + struct.pack(">H", k)) for k in range((len(fields) + 1) // 2))
    return body_digest([commitment(salts[16 * i:16 * i + 16], p, t) for i, (p, t) in enumerate(fields)])


class Record:
    """One line of records.jsonl, others.jsonl or anchor.jsonl: a record disclosed whole or in part."""

    def __init__(self, file, line):
        value = read_json(line, file)
        must(type(value) is dict and type(value.get("seq")) is int, file)
        self.seq, self.whole = value["seq"], "body" in value
        self.where = where = "%s record %d" % (file, self.seq)
        if self.whole:
            _, seed, body = members(value, where, "seq seed body")
            self.seed, self.body = hex_in(seed, where), text_in(body, where).encode("utf-8")
            self.complete = True
        else:
            _, fields, withheld = members(value, where, "seq fields withheld")
            self.withheld = [hex_in(w, where) for w in list_in(withheld, where)]
            must(all(a < b for a, b in zip(self.withheld, self.withheld[1:])), where)
            self.disclosed = []
            for field in list_in(fields, where):
                must(type(field) is list and len(field) == 3, where)
                pointer, token, salt = field
                pointer, token = text_in(pointer, where).encode("utf-8"), text_in(token, where).encode("utf-8")
                self.disclosed.append((pointer, token, hex_in(salt, where, 16)))
            must(len({p for p, _, _ in self.disclosed}) == len(self.disclosed), where)
            self.complete = not self.withheld

    def check(self, header):
        """Step h for one record: this is what was recorded, and agrees with its header."""
        if self.whole:
            try:
                fields = cut(self.body)
            except (ValueError, RecursionError):
                fail(self.where, ILL_FORMED)
            digest = whole_digest(fields, self.seed)
        else:
            for p, t, _ in self.disclosed:
                must(len(p) <= 4096 and re.fullmatch(b"(/([^~\0/]|~[01])*)+", p) and is_token(t), self.where)
            must(0 < len(self.disclosed) + len(self.withheld) <= MAX_FIELDS, self.where)
            fields = [(p, t) for p, t, _ in self.disclosed]
            digest = body_digest(self.withheld + [commitment(s, p, t) for p, t, s in self.disclosed])
        must(digest.hex().encode() == header["body"], self.where, "is not what was recorded")
        self.header, self.tokens = header, dict(fields)
        for name in ("source", "category", "action", "outcome", "occurred_at", "id"):
            token = self.tokens.get(b"/" + name.encode())
            must(agrees(name, token, header) if token is not None else not self.whole,
                 "%s field /%s" % (self.where, name), "does not agree with its header")


def agrees(name, token, header):
    if token[:1] != b'"':
        return False
    text = string_of(token)
    if name == "id":
        return event_id(header["source"], text) == header["id"]
    if name == "occurred_at":  # the event may say .500, the header says .5
        match = re.fullmatch(rb"([^.]*)(?:\.([0-9]{1,9}))?Z", text)
        fraction = (match.group(2) or b"").rstrip(b"0") if match else b""
        text = (match.group(1) + (b"." + fraction if fraction else b"") + b"Z") if match else b""
    return text == header[name]


# ---------------------------------------------------------------------------
# Section 4: The tree, one fingerprint for the whole trail; and signatures
# ---------------------------------------------------------------------------
def node_hash(left, right):
    return sha256(b"\1" + left + right)


class Tree:
    """RFC 6962: subtrees from left to right; equal neighbours are joined as they come."""

    def __init__(self):
        self.size, self.stack = 0, []

    def push(self, digest, size=1):
        at = self.size
        self.size += size
        while self.stack and self.stack[-1][0] == size and (at - size) % (2 * size) == 0:
            at, digest, size = at - size, node_hash(self.stack.pop()[1], digest), 2 * size
        self.stack.append((size, digest))

    def root(self):
        if not self.stack:
            return sha256(b"")
        digest = self.stack[-1][1]
        for _, left in reversed(self.stack[:-1]):
            digest = node_hash(left, digest)
        return digest


def subtree_sizes(start, until):
    """The sizes of the largest subtrees that together are start up to until."""
    while start < until:
        size = 1 << (until - start).bit_length() - 1
        while start % size:
            size //= 2
        yield size
        start += size


def is_beginning(old_size, old_root, size, root, proof):
    """RFC 9162 section 2.1.4.2: the tree of old_size is the beginning of the tree of size."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    if old_size & (old_size - 1) == 0:
        proof = [old_root] + proof
    if not proof:
        return False
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


# Ed25519 (RFC 8032), points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493  # order of the group
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(n, a):
    total = (0, 1, 1, 0)
    for bit in bin(n)[2:]:
        total = point_add(total, total)
        if bit == "1":
            total = point_add(total, a)
    return total


def point_read(data):
    """The point that 32 bytes stand for, or None if they are not its one canonical encoding."""
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if y >= P or (x * x - x2) % P or x == 0 and sign:
        return None
    return (P - x if x & 1 != sign else x), y, 1, (P - x if x & 1 != sign else x) * y % P


BASE = point_read(bytes([0x58] + [0x66] * 31))


def ed25519_verifies(public, message, signature):
    """Whether signature is one by public: [S]B = R + [k]A, without tolerance."""
    a, r, s = point_read(public), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = point_times(s, BASE), point_add(r, point_times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


ED25519, ML_DSA_44 = 1, 6
KEY_SIZES = {ED25519: 32, ML_DSA_44: 1312}


class Key:
    """A verifier key, name+keyid+base64(type and public key). ValueError if it is not one."""

    def __init__(self, text):
        match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", text)
        if not match:
            raise ValueError("not a verifier key")
        self.text, self.name = text, match.group(1)
        data = unbase64(match.group(3))
        self.kind, self.public = data[0], data[1:]
        self.id = sha256(self.name.encode("utf-8") + b"\n" + data)[:4]
        if len(self.public) != KEY_SIZES.get(self.kind) or self.id.hex() != match.group(2):
            raise ValueError("not a verifier key")


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text or not data:
        raise ValueError("not base64 in its one form")
    return data


def open_note(note, keys, where):
    """The text of a signed note, after its signatures by trusted keys were checked."""
    try:
        text = note.decode("utf-8")
        split = text.rindex("\n\n")
        text, tail = text[:split + 1], text[split + 2:]
        if len(note) > 1 << 20 or re.search("[\0-\t\x0b-\x1f]", text) or not tail.endswith("\n"):
            raise ValueError("not a note")
        signatures = []
        for line in tail[:-1].split("\n"):
            match = re.fullmatch(r"\u2014 ([^+\s]+) ([A-Za-z0-9+/]+=*)", line)
            blob = unbase64(match.group(2)) if match else b""
            if len(blob) < 5 or len(signatures) == 100:
                raise ValueError("not a signature line")
            signatures.append((match.group(1), blob[:4], blob[4:]))
    except ValueError:
        fail(where, ILL_FORMED)
    found = False
    for name, key_id, signature in signatures:
        for key in keys:
            if key.kind == ED25519 and (key.name, key.id) == (name, key_id):
                must(ed25519_verifies(key.public, text.encode("utf-8"), signature), where, UNSIGNED)
                found = True
    must(found, where, UNSIGNED)
    return text


def read_checkpoint(text, origin, where):
    """The size and root that the text of a checkpoint states."""
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)
    must(match and int(match.group(2)) <= MAX_NUMBER, where)
    try:
        root = unbase64(match.group(3))
    except ValueError:
        fail(where, ILL_FORMED)
    must(match.group(1) == origin, where, FOREIGN)
    return int(match.group(2)), root


# ---------------------------------------------------------------------------
# Section 6.8, 6.9: The filter, which records were asked for
#
# An expression is true, false or unknown of a record (True, False, None here):
# unknown, when it asks for a field that the pack does not show.
# ---------------------------------------------------------------------------
IN_HEADER = {n: n for n in ("source", "category", "action", "outcome", "at", "seq", "sseq", "id")}
IN_HEADER.update({"/" + n: n for n in ("source", "category", "action", "outcome", "occurred_at")})


class Clause:
    """One question about a record, such as is(/actor/email "alice@*")."""

    def __init__(self, op, fields, value, where):
        self.op, self.value = op, value
        self.in_header = [IN_HEADER[f] for f in fields if f in IN_HEADER]
        in_body = [f.encode("utf-8") for f in fields if f not in IN_HEADER]
        must(all(re.fullmatch(b"(/([^~\0/]|~[01])*)+", f) for f in in_body), where)
        self.exact = [f for f in in_body if b"*" not in f.split(b"/")]
        self.starred = [f.split(b"/") for f in in_body if b"*" in f.split(b"/")]
        self.headers_only = op != "text" and not in_body
        if op in ("from", "until"):
            must(len(fields) == 1 and self.headers_only and self.in_header[0] in ("at", "occurred_at"), where)
            moment = time_in(value, where)[:-1]
            self.holds = (lambda v: v[:-1] >= moment) if op == "from" else (lambda v: v[:-1] < moment)
        elif op == "cidr":
            match = re.fullmatch("(.*)/(0|[1-9][0-9]{0,2})", value)
            address = read_address(match.group(1)) if match else None
            must(fields and address and int(match.group(2)) <= address.max_prefixlen, where)
            network = ipaddress.ip_network("%s/%s" % (address, match.group(2)), strict=False)
            self.holds = lambda v: is_in_network(v, network)
        elif op == "is":
            must(fields, where)
            self.holds = pattern(value.encode("utf-8").lower())
        else:
            must(not fields and value.strip("*"), where)
            self.holds = phrase(value.encode("utf-8").lower())
        shown = "|".join(fields) + " " if fields else ""
        self.text = '%s(%s"%s")' % (op, shown, value.replace('"', '""'))

    def truth(self, header, tokens, complete):
        """tokens are the disclosed fields, None for a header alone; complete: nothing is withheld."""
        if any(self.holds(header[f]) for f in self.in_header):
            return True
        if self.headers_only:
            return False
        if tokens is None:
            return None
        if self.op == "text":
            found = tokens.values()
        else:
            found = [tokens[f] for f in self.exact if f in tokens]
            decided = complete or not self.starred and len(found) == len(self.exact)
            for star in self.starred:
                found += [t for p, t in tokens.items() if fits(p.split(b"/"), star)]
        if any(self.holds(v) for t in found for v in values_of(t)):
            return True
        return False if (complete if self.op == "text" else decided) else None


def fits(parts, star):
    return len(parts) == len(star) and all(s in (b"*", p) for p, s in zip(parts, star))


def pattern(value):
    """A test for a pattern with * in it, A-Z equal to a-z."""
    pieces, rest = [b""], value
    while rest:
        if rest[:1] == b"*":
            pieces.append(b"")
        else:
            rest = rest[1:] if rest[:2] in (b"\\*", b"\\\\") else rest
            pieces[-1] += rest[:1]
        rest = rest[1:]
    first, middle, last = pieces[0], pieces[1:-1], pieces[-1]

    def holds(v):
        v = v.lower()
        if len(pieces) == 1:
            return v == first
        at, end = len(first), len(v) - len(last)
        if at > end or not v.startswith(first) or not v.endswith(last):
            return False
        for piece in middle:
            found = v.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True
    return holds


def phrase(value):
    """A test for a word or phrase (section 6.9)."""
    word = re.compile(rb"[a-z0-9_\x80-\xff]").match
    open_left, open_right = value[:1] == b"*", value[-1:] == b"*"
    value = value[open_left:len(value) - open_right]
    open_left, open_right = open_left or not word(value), open_right or not word(value[-1:])

    def holds(v):
        v = v.lower()
        at = v.find(value)
        while at >= 0:
            end = at + len(value)
            if (open_left or at == 0 or not word(v, at - 1)) and (open_right or not word(v, end)):
                return True
            at = v.find(value, at + 1)
        return False
    return holds


def read_address(text):
    """The IP address that text is, or None; stricter than Python's own reading."""
    if "%" in text or re.search(r"(^|[.:])0[0-9]+(\.|$)", text) and "." in text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_in_network(value, network):
    try:
        address = read_address(value.decode("utf-8"))
    except ValueError:
        return False
    return address is not None and address.version == network.version and address in network


class Filter:
    def __init__(self, expr, where):
        self.clauses, self.nodes = [], 0
        self.tree = self.read(expr, 1, where)
        self.text = "everything" if self.tree == ("all", []) else self.show(self.tree)

    def read(self, expr, depth, where):
        self.nodes += 1
        op = expr.get("op") if type(expr) is dict else None
        must(depth <= 32 and self.nodes <= 512 and type(op) is str, where)
        if op in ("all", "any", "not"):
            _, args = members(expr, where, "op", "args")
            args = [self.read(a, depth + 1, where) for a in list_in([] if args is None else args, where)]
            must(op != "not" or len(args) == 1, where)
            return op, args
        must(op in ("is", "cidr", "from", "until", "text"), where)
        _, value, fields = members(expr, where, "op", "value" if op == "text" else "value fields") + [None] * (op == "text")
        fields = [text_in(f, where) for f in list_in([] if fields is None else fields, where)]
        self.clauses.append(Clause(op, fields, text_in("" if value is None else value, where), where))
        return self.clauses[-1]

    def show(self, node):
        return node.text if type(node) is Clause else "%s(%s)" % (node[0], ", ".join(map(self.show, node[1])))

    def truth(self, header, tokens=None, complete=False, node=None):
        node = node or self.tree
        if type(node) is Clause:
            return node.truth(header, tokens, complete)
        op, args = node
        truths = [self.truth(header, tokens, complete, a) for a in args]
        if op == "not":
            return None if truths[0] is None else not truths[0]
        decisive = op == "any"  # one true makes "any" true, one false makes "all" false
        return decisive if decisive in truths else None if None in truths else not decisive


# ---------------------------------------------------------------------------
# Section 6.7: population.csv, the list for a spreadsheet
# ---------------------------------------------------------------------------
COLUMNS = [("event_id", "/id"), ("actor_type", "/actor/type"), ("actor_id", "/actor/id"), ("actor_name", "/actor/name"),
           ("actor_email", "/actor/email"), ("target_type", "/target/type /targets/0/type"),
           ("target_id", "/target/id /targets/0/id"), ("target_name", "/target/name /targets/0/name"),
           ("ip", "/where/ip"), ("ticket", "/why/ticket")]


def csv_line(cells):
    def cell(text):
        text = text.translate(CLEAN)
        formula = text.lstrip(" ")[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and text.strip(" ")
        return '"%s%s"' % ("'" if formula else "", text.replace('"', '""'))
    return ",".join(map(cell, cells)).encode("utf-8")


FIRST_LINE = csv_line(NAMES[:1] + ("occurred_at", "at", "source", "category", "action", "outcome", "id") +
                      tuple(name for name, _ in COLUMNS) + ("leaf",))


def csv_row(record, leaf):
    h, tokens = record.header, record.tokens
    cells = [h[n] for n in ("seq", "occurred_at", "at", "source", "category", "action", "outcome", "id")]
    for _, pointers in COLUMNS:
        shown = [tokens[p] for p in pointers.encode().split() if p in tokens]
        cells.append(string_of(shown[0]) if shown else b"" if record.complete else b"[withheld]")
    return csv_line([c.decode("utf-8") for c in cells] + [leaf.hex()])


# ---------------------------------------------------------------------------
# Section 7: The steps. verify() is the whole procedure.
# ---------------------------------------------------------------------------
class Verifier:
    def __init__(self, pack, given_keys):
        self.pack, self.given = pack, given_keys

    def verify(self):
        self.a_pack()        # what the pack says it is
        self.b_keys()        # whose signature counts
        self.c_files()       # every byte is as signed
        self.d_tree()        # the state of the trail is signed
        self.e_headers()     # every header is part of it
        self.f_segments()    # what was left out lies outside the period
        self.g_period()      # nothing was rewritten since the period's end
        self.h_records()     # what is shown is what was recorded
        self.i_window()      # and lies in the period
        self.j_filter()      # this was asked for
        self.k_complete()    # nothing that was asked for is missing
        print("VERIFIED")

    def a_pack(self):
        where, pack = "pack.json", self.pack
        must(where in pack.names, where, "is missing")
        (form, self.origin, made_at, made_by, window, filters, withheld, self.counts, omissions, files) = members(
            read_json(read_small(pack, where), where), where,
            "format origin made_at made_by window filter withheld counts omissions files")
        must(form == "evident.pack/1", where)
        for value in [self.origin, made_by] + list_in(withheld, where):
            text_in(value, where)
        time_in(made_at, where)
        self.by, start, until = members(window, where, "by from until")
        must(self.by in ("occurred_at", "at"), where)
        self.start, self.until = time_in(start, where), time_in(until, where)
        text, expr = members(filters, where, "text expr")
        text_in(text, where)
        self.filter = Filter(expr, where)
        for value in members(self.counts, where, "headers window matched others unproven late ahead"):
            count_in(value, where)
        for omission in list_in(omissions, where):
            what, n, why = members(omission, where, "what records why")
            text_in(what, where), count_in(n, where), text_in(why, where)
        self.listed = {}
        for file in list_in(files, where):
            name, size, digest, packed, packed_digest = members(
                file, where, "name bytes sha256 packed_bytes packed_sha256")
            must(count_in(size, where) <= MAX_PLAIN, where)
            self.listed[text_in(name, where)] = (size, hex_in(digest, where), count_in(packed, where),
                                                 hex_in(packed_digest, where))
        must([f["name"] for f in files] == FILES, where)

        expected = ["pack.json", "pack.note"] + FILES
        for name in expected:
            must(name in pack.names, name, "is missing")
        for name in sorted(set(pack.names + pack.strange) - set(expected), key=os.fsencode):
            fail(os.fsencode(name).decode("utf-8", "replace").translate(CLEAN), STRAY)
        must(type(pack) is Folder or pack.names == expected, "zip", NOT_A_ZIP)
        say("pack", "made %s by %s, for the trail %s" % (made_at, made_by, self.origin))

    def b_keys(self):
        check_listed(self.pack, "keys.txt", self.listed["keys.txt"])
        own = []
        for line in lines(self.pack, "keys.txt"):
            try:
                own.append(Key(line.decode("utf-8")))
            except ValueError:
                fail("keys.txt", ILL_FORMED)
            must(own[-1].name == self.origin, "keys.txt")
        self.keys = self.given or own
        note = "given" if self.given else "came with the evidence itself: compare it with the one you were given"
        for key in self.keys:
            say("key", "%s (%s)" % (key.text, note if key.kind == ED25519 else "not checked by this verifier"))

    def c_files(self):
        data, note = read_small(self.pack, "pack.json"), read_small(self.pack, "pack.note")
        match = re.fullmatch("evident\\.pack/1\n([^\n]+)\n([0-9a-f]{64})\n", open_note(note, self.keys, "pack.note"))
        must(match, "pack.note")
        must(match.group(1) == self.origin, "pack.note", FOREIGN)
        must(match.group(2) == sha256(data).hex(), "pack.json", UNSIGNED)
        self.pack.check_crc("pack.json", zlib.crc32(data))
        self.pack.check_crc("pack.note", zlib.crc32(note))
        for name in FILES:
            check_listed(self.pack, name, self.listed[name])
        say("files", "%d files, whole and as signed" % (len(FILES) + 2))

    def d_tree(self):
        note = read_small(self.pack, "checkpoint.txt")
        self.size, self.root = read_checkpoint(open_note(note, self.keys, "checkpoint.txt"), self.origin, "checkpoint.txt")
        where = "tree.json"
        size, root, pieces, self.period = members(
            read_json(read_small(self.pack, where, MAX_TREE), where), where, "size root pieces", "period")
        must(size is not None and root is not None, where)
        size, root, self.pieces = count_in(size, where), hex_in(root, where), []
        if self.period is not None:
            note, proof = members(self.period, where, "checkpoint proof")
            self.period = text_in(note, where), [hex_in(h, where) for h in list_in(proof, where)]
        for piece in list_in(pieces, where):
            must(type(piece) is dict, where)
            start, until, more = members(piece, where, "from until " + ("prev" if "prev" in piece else "hashes"))
            more = hex_in(more, where) if "prev" in piece else [hex_in(h, where) for h in list_in(more, where)]
            self.pieces.append((count_in(start, where), count_in(until, where), more))
        must(size == self.size and root == self.root, where, "is not the tree that was signed")
        end, kind = 0, None
        for start, until, more in self.pieces:
            must(start == end < until and type(more) is not kind, where, UNFIT)
            must(type(more) is bytes or len(more) == len(list(subtree_sizes(start, until))), where, UNFIT)
            end, kind = until, type(more)
        must(end == size, where, UNFIT)
        say("tree", "size %d, root %s, signed" % (size, root.hex()))

    def e_headers(self):
        """Walks the pieces from left to right and computes the root of all. For each header it keeps
        the leaf hash and what the filter says of the header alone (see self.kept)."""
        where, tree, ids, last, runs = "headers.jsonl", Tree(), set(), {}, 0
        wanted = self.sizes_in_manifests()
        self.leaves, self.kept, self.in_window, self.roots = bytearray(), bytearray(), 0, {}
        rest = lines(self.pack, where)
        for start, until, more in self.pieces:
            if type(more) is list:
                for digest, size in zip(more, subtree_sizes(start, until)):
                    tree.push(digest, size)
                if until in wanted:
                    self.roots[until] = tree.root()
                continue
            must(start > 0 or more == bytes(32), "tree.json", UNFIT)
            runs, prev, at, of_run = runs + 1, more, b"", set()
            for seq in range(start, until):
                here = "%s record %d" % (where, seq)
                line = next(rest, None)
                must(line is not None, here, UNFIT)
                h = read_header(line, here)
                must(int(h["seq"]) == seq and at <= h["at"][:-1], here, UNFIT)
                at, source, sseq = h["at"][:-1], h["source"], int(h["sseq"])
                if source in last:
                    due = last[source] + 1
                    must(sseq == due or sseq > due and source not in of_run, here, UNFIT)
                last[source] = sseq
                of_run.add(source)
                must(h["id"] not in ids, here, TWICE)
                ids.add(h["id"])
                prev = leaf_hash(line, prev)
                tree.push(prev)
                self.leaves += prev
                inside = self.start[:-1] <= h[self.by][:-1] < self.until[:-1]
                self.kept.append(KEPT[self.filter.truth(h)] if inside else OUTSIDE)
                self.in_window += inside
                if seq + 1 in wanted:
                    self.roots[seq + 1] = tree.root()
        must(next(rest, None) is None, where, UNFIT)
        must(tree.root() == self.root, "tree.json", "is not the tree that was signed")
        say("headers", "%d headers in %d runs, each in the tree" % (len(self.kept), runs))

    def sizes_in_manifests(self):
        """The sizes at which step f wants to know the root; what is wrong with them, step f says."""
        found = (re.search(b'"until" *: *([0-9]{1,19})', line) for line in lines(self.pack, "manifests.jsonl"))
        return {int(match.group(1)) for match in found if match}

    def f_segments(self):
        self.read_manifests()
        anchor = self.read_anchor()
        if self.manifests:
            newest = self.manifests[-1]
            must(anchor is not None and
                 (anchor.header["source"], anchor.header["action"]) == (b"evident", b"segment.seal") and
                 anchor.tokens.get(b"/detail/segment") == b"%d" % (len(self.manifests) - 1) and
                 string_of(anchor.tokens.get(b"/detail/manifest", b"")) == newest["hash"].hex().encode(),
                 "manifests.jsonl", "is not anchored")
        else:
            must(anchor is None, "anchor.jsonl", STRAY)
        # A gap is whole segments, none of which holds anything of the window.
        covered, gaps = 0, 0
        firsts = {m["first"]: i for i, m in enumerate(self.manifests)}
        for start, until, more in self.pieces:
            if type(more) is bytes:
                covered = until
                continue
            while start < until:
                must(start in firsts, "tree.json", HIDDEN)
                m = self.manifests[firsts[start]]
                first, last = m[self.by]
                must(last < self.start[:-1] or first >= self.until[:-1], "tree.json", HIDDEN)
                start, gaps = m["until"], gaps + 1
            must(start == until, "tree.json", HIDDEN)
        must(covered == self.size, "tree.json", HIDDEN)  # after the last segment there is a run
        say("segments", "%d segments; %d not needed for the window" % (len(self.manifests), gaps))

    def read_manifests(self):
        where, previous, end = "manifests.jsonl", bytes(32), 0
        self.manifests = []
        for line in lines(self.pack, where):
            (form, origin, number, first, until, before, root, at, occurred, counts, _, note) = members(
                read_json(line, where), where,
                "format origin segment first until previous root at occurred_at counts files checkpoint")
            must(form == "evident.segment/1" and type(note) is str and note.count("\n\n"), where)
            must(text_in(origin, where) == self.origin, where, FOREIGN)
            m = {"first": count_in(first, where), "until": count_in(until, where), "root": hex_in(root, where),
                 "note": note, "hash": sha256(line)}
            for name, value in (("at", at), ("occurred_at", occurred)):
                early, late = members(value, where, "first last")
                m[name] = time_in(early, where)[:-1], time_in(late, where)[:-1]
            total, keys = 0, []
            for c in list_in(counts, where):
                source, action, n = members(c, where, "source action records")
                keys.append((text_in(source, where), text_in(action, where)))
                total += count_in(n, where)
            size, stated = read_checkpoint(note[:note.rindex("\n\n") + 1], self.origin, where)
            must(count_in(number, where) == len(self.manifests) and hex_in(before, where) == previous and
                 m["first"] == end < m["until"] <= self.size and total == m["until"] - end and
                 all(a < b for a, b in zip(keys, keys[1:])) and (size, stated) == (m["until"], m["root"]), where, UNFIT)
            previous, end = m["hash"], m["until"]
            self.manifests.append(m)
        for m in self.manifests:
            must(self.roots.get(m["until"], m["root"]) == m["root"], where, UNFIT)

    def read_anchor(self):
        found = list(self.records_in("anchor.jsonl", None))
        must(len(found) <= 1, "anchor.jsonl")
        return found[0][0] if found else None

    def g_period(self):
        where = "tree.json"
        must((self.period is None) == (not self.manifests), where)
        if self.period is None:
            return
        m = next((m for m in self.manifests if m["at"][1] >= self.until[:-1]), self.manifests[-1])
        note, proof = self.period
        must(note == m["note"], where, UNFIT)
        open_note(note.encode("utf-8"), self.keys, where)
        must(is_beginning(m["until"], m["root"], self.size, self.root, proof), where,
             "is not the beginning of this trail")
        say("period", "the trail of size %d is the beginning of this one" % m["until"])

    def records_in(self, file, elsewhere):
        """The records of a file, checked, each with its position among the headers. The headers were
        proven in step e; here they are read again beside the records, so that little is kept."""
        headers, last, due = self.numbered_headers(), -1, (-1, -1, b"")
        for line in lines(self.pack, file):
            record = Record(file, line)
            must(record.seq != last, record.where, TWICE)
            must(record.seq > last, record.where, UNFIT)
            last = record.seq
            while due is not None and due[1] < record.seq:
                due = next(headers, None)
            found = due is not None and due[1] == record.seq
            if found and elsewhere is not None:
                must(not elsewhere[due[0]], record.where, TWICE)
            must(found, record.where, "has no header here")
            record.check(read_header(due[2], record.where))
            yield record, due[0]

    def numbered_headers(self):
        """All headers again: position in headers.jsonl, seq, line."""
        position, rest = 0, lines(self.pack, "headers.jsonl")
        for start, until, more in self.pieces:
            if type(more) is bytes:
                for seq in range(start, until):
                    yield position, seq, next(rest)
                    position += 1

    def h_records(self):
        """Checks every record. What later steps would say of it is noted, and said in its turn."""
        self.outside = self.mismatch = None  # the first failures of steps i and k
        self.shown = bytearray(len(self.kept))  # by position: 1 in records.jsonl, 2 in others.jsonl
        self.tally = dict.fromkeys(("matched", "others", "late", "ahead", "on_word"), 0)
        self.unknown = [0] * len(self.filter.clauses)
        self.rows, whole, part = [], 0, 0
        for mark, file in ((1, "records.jsonl"), (2, "others.jsonl")):
            for record, position in self.records_in(file, self.shown):
                self.shown[position] = mark
                whole, part = whole + record.whole, part + (not record.whole)
                if self.kept[position] == OUTSIDE:
                    self.outside = self.outside or record.where
                truth = self.filter.truth(record.header, record.tokens, record.complete)
                if mark == 1:
                    self.note_match(record, position, truth)
                else:
                    self.tally["others"] += 1
                    if truth is not False:
                        self.mismatch = self.mismatch or (record.where, "matches the filter")
        say("records", "%d whole, %d in part, as recorded" % (whole, part))

    def note_match(self, record, position, truth):
        h, tally = record.header, self.tally
        tally["matched"] += 1
        tally["late"] += h["at"][:-1] >= self.until[:-1]
        tally["ahead"] += h["occurred_at"][:-1] > h["at"][:-1]
        if truth is None:
            tally["on_word"] += 1
            self.note_unknown(h, record.tokens, record.complete)
        if truth is False:
            self.mismatch = self.mismatch or (record.where, "does not match the filter")
        leaf = bytes(self.leaves[32 * position:32 * position + 32])
        self.rows.append((h["occurred_at"][:-1], record.seq, sha256(csv_row(record, leaf))))

    def note_unknown(self, header, tokens, complete):
        for i, clause in enumerate(self.filter.clauses):
            self.unknown[i] += clause.truth(header, tokens, complete) is None

    def i_window(self):
        must(self.outside is None, self.outside, "lies outside the window")
        say("window", "%d headers by %s from %s until %s" % (
            self.in_window, self.by, self.start.decode(), self.until.decode()))

    def j_filter(self):
        say("filter", self.filter.text)

    def k_complete(self):
        """No header of the window matches the filter without being shown."""
        if self.mismatch:
            fail(*self.mismatch)
        unproven = 0
        for position, seq, line in self.numbered_headers():
            if self.shown[position] or self.kept[position] not in (KEPT[True], KEPT[None]):
                continue
            must(self.kept[position] == KEPT[None], "records.jsonl record %d" % seq, "is missing from the pack")
            unproven += 1
            self.note_unknown(read_header(line, "headers.jsonl"), None, False)
        t = dict(self.tally, headers=len(self.kept), window=self.in_window, unproven=unproven)
        for name in "headers window matched others unproven late ahead".split():
            must(self.counts[name] == t[name], "pack.json field /counts/" + name, NOT_SAID)
        self.rows.sort()
        expected = [sha256(FIRST_LINE)] + [digest for _, _, digest in self.rows]
        must([sha256(line) for line in lines(self.pack, "population.csv")] == expected, "population.csv", NOT_SAID)
        say("complete", "%d match, %d shown not to, %d not disclosed and not decided by headers, %d that match on the "
            "exporter's word" % (t["matched"], t["others"], unproven, t["on_word"]))
        for clause, x in zip(self.filter.clauses, self.unknown):
            say("clause", "%s: %s" % (clause.text, "proven by headers" if clause.headers_only else
                                      "rests on the exporter's word for %d records" % x if x else
                                      "proven by what is disclosed"))


HIDDEN = "hides a stretch of the window"
OUTSIDE, KEPT = 0, {False: 1, None: 2, True: 3}  # what step e keeps of a header: one byte


def main(arguments):
    keys, path = [], None
    try:
        while arguments:
            argument = arguments.pop(0)
            if argument in ("-h", "--help"):
                print(__doc__)
                return 0
            if argument == "--key":
                keys += keys_from(arguments.pop(0))
            elif argument.startswith("--key="):
                keys += keys_from(argument[6:])
            elif argument.startswith("-") or path is not None:
                raise ValueError("usage: verify.py [--key VKEY|FILE]... [PACK.zip|FOLDER]")
            else:
                path = argument
        path = path or os.path.dirname(os.path.abspath(__file__))
        if os.path.isdir(path):
            Verifier(Folder(path), keys).verify()
        else:
            with open(path, "rb") as file:
                Verifier(Zip(file), keys).verify()
        return 0
    except NotVerified as problem:
        print("NOT VERIFIED: %s" % problem)
        return 1
    except (OSError, ValueError, IndexError, MemoryError) as problem:
        print("could not run: %s" % (problem or type(problem).__name__), file=sys.stderr)
        return 2


def keys_from(argument):
    """The keys of --key: one key, or a file with one a line."""
    try:
        return [Key(argument)]
    except ValueError:
        with open(argument, encoding="utf-8") as file:
            return [Key(line.strip()) for line in file if line.strip()]


if __name__ == "__main__":
    # The same bytes on every system, whatever its own line ends and encoding are.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    sys.exit(main(sys.argv[1:]))
