#!/usr/bin/env python3
"""Verifies an Evident evidence pack, trusting nobody but arithmetic.

    python3 verify.py [--key VKEY|FILE]... [PACK.zip|FOLDER]

Without an argument it verifies the folder that it lies in. Exit status: 0 the pack is verified, 1 it is not
(the last line says where and what is wrong), 2 it could not be checked (no such file, wrong arguments).

What it proves. A company's systems write every event into a trail: a sequence of records, each of which holds
a fingerprint (SHA-256) of the one before. The whole trail has one fingerprint, and that is signed. This
program computes all of it again from the files of the pack: that each record shown is in the trail as it was
recorded, that the trail is the signed one, and that no record of the period which matches the filter was left
out. It writes nothing, starts nothing, opens no connection, and needs Python 3.8 or later and nothing else.

What it cannot prove: that something happened which nobody recorded; nor, where it says "segments ... not needed
for the window", that who runs the trail has not described these segments anew (docs/format.md 6.5). And whoever changed a pack may have
changed this program in it too: take it from elsewhere, or compare its SHA-256 with the published one. Without
--key it can only say that the pack is in harmony with itself and with the key inside it.

Reading order: steps() at the end of the file is the whole procedure, one line of output for each step. The
parts before it follow the sections of the page docs/format.md, whose numbers they bear.
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

# ===== How failures are named (section 7): every check ends in must() or fail() =====

ILL_FORMED, UNFIT, TWICE = "is not well formed", "does not fit", "stands twice"
NOT_LISTED, NOT_SAID = "is not what pack.json lists", "is not what the records say"
UNSIGNED, FOREIGN, STRAY = "is not signed by a trusted key", "does not belong to this trail", "does not belong here"
NOT_A_ZIP, OTHER_TREE = "is not a zip in the form of evident.pack/1", "is not the tree that was signed"
HIDDEN, MISSING = "hides a stretch of the window", "is missing"

class NotVerified(Exception):
    """The pack is not what it claims to be; the text says where and what."""

def fail(where, what):
    raise NotVerified("%s: %s" % (where, what))

def must(condition, where, what=ILL_FORMED):
    if not condition:
        fail(where, what)

# No control character of an event reaches the terminal, nor one that turns the direction of text: nothing in a
# pack may look like a line of this program.
CLEAN = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")
TURNING = [0x61C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x206A), 0xFEFF]
CLEAN.update(dict.fromkeys(TURNING, "\ufffd"))

def say(step, text):
    print("%-9s %s" % (step, text.translate(CLEAN)))

def sha256(data):
    return hashlib.sha256(data).digest()

# JSON is read without tolerance: no name twice, no number but plain counts, and exactly the members of a shape.
MAX_COUNT = 2**63 - 1

def read_json(data, where, shape=None):
    def unique(members):
        if len(dict(members)) != len(members):
            raise ValueError("a name stands twice")
        return dict(members)

    def count(digits):
        if digits[0] == "-" or len(digits) > 19 or int(digits) > MAX_COUNT:
            raise ValueError("not a count")
        return int(digits)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_int=count, parse_float=count,
                           parse_constant=count)
        if b"\\u" in data:  # half of a pair of surrogates is no text: this raises
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        fail(where, ILL_FORMED)
    must(shape is None or has_shape(value, shape), where)
    return value

def has_shape(value, shape):
    """A shape is a dict (these members; those with ? may be missing), [shape of each element], (shapes of the
    elements), a str (this text), a type, or a function that says whether a text is right."""
    if type(shape) is dict:
        return type(value) is dict and set(value) <= {n.rstrip("?") for n in shape} and all(
            has_shape(value[n.rstrip("?")], s) if n.rstrip("?") in value else n[-1] == "?" for n, s in shape.items())
    if type(shape) is list:
        return type(value) is list and all(has_shape(v, shape[0]) for v in value)
    if type(shape) is tuple:
        return type(value) is list and len(value) == len(shape) and all(map(has_shape, value, shape))
    if type(shape) is str:
        return value == shape
    if type(shape) is type:
        return type(value) is shape
    return type(value) is str and bool(shape(value))

HASH = re.compile("[0-9a-f]{64}").fullmatch
SALT = re.compile("[0-9a-f]{32}").fullmatch
POINTER = re.compile("(/([^~\0/]|~[01])*)+").fullmatch
# Times are compared as text with the Z taken off: then earlier text is an earlier time.
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{0,8}[1-9])?Z"

@functools.lru_cache(maxsize=None)
def is_day(day):
    try:
        return 1970 <= datetime.date(*map(int, day.split("-"))).year <= 2261
    except ValueError:
        return False

def is_time(text):
    return re.fullmatch(TIME, text) is not None and is_day(text[:10])

# ===== Section 6.1 and 6.2: the zip, and the files in it =====
#
# A pack is a zip or the folder that it unpacks to. The zip has one fixed form: this code works out what each of
# its headers must be, byte for byte, and compares, so that nothing hides between or behind the files. Nothing is
# unpacked to disk, and no name in a zip is ever used as a name on this machine.
FILES = ["keys.txt", "checkpoint.txt", "tree.json", "headers.jsonl", "manifests.jsonl", "seals.jsonl",
         "records.jsonl", "others.jsonl", "population.csv", "index.html", "verify.py"]
CHUNK, MAX_WHOLE, MAX_LINE, MAX_RATIO = 1 << 20, 64 << 20, 160 << 20, 2000
MAX_PACK_JSON, MAX_MANIFEST, MAX_FILE = 16 << 20, 16 << 20, 8 << 30

class Folder:
    packed = None  # nothing is packed here

    def __init__(self, path):
        self.path, self.names = path, os.listdir(path)
        self.irregular = [n for n in self.names if not stat.S_ISREG(os.lstat(os.path.join(path, n)).st_mode)]

    def plain(self, name):
        with open(os.path.join(self.path, name), "rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")

    def check_crc(self, name, crc):
        pass

class Zip:
    def __init__(self, file):
        self.file, self.irregular, self.entries = file, [], {}
        size = file.seek(0, os.SEEK_END)
        end = self.read(size - 22, 22) if 22 <= size < 1 << 32 else b""
        must(end[:4] == b"PK\5\6", "zip", NOT_A_ZIP)
        length, start = struct.unpack("<12xLL2x", end)
        must(length < 1 << 16 and start + length + 22 == size, "zip", NOT_A_ZIP)
        directory, rebuilt, offset = self.read(start, length), b"", 0
        while len(rebuilt) < length:
            entry = directory[len(rebuilt):len(rebuilt) + 46].ljust(46, b"\0")
            method, crc, packed, plain, n = struct.unpack("<10xH4xLLLH16x", entry)
            name = directory[len(rebuilt) + 46:len(rebuilt) + 46 + n]
            must(re.fullmatch(b"[a-z0-9._-]+", name) and name.decode() not in self.entries, "zip", NOT_A_ZIP)
            must(packed == plain if method == 0 else method == 8 and plain <= MAX_RATIO * packed, "zip", NOT_A_ZIP)
            must(method == 0 or name not in (b"pack.json", b"pack.note"), "zip", NOT_A_ZIP)
            must(plain <= MAX_PACK_JSON or name != b"pack.json", "zip", NOT_A_ZIP)
            same = struct.pack("<5HLLLHH", 20, 0, method, 0, 0x21, crc, packed, plain, n, 0)
            local = b"PK\3\4" + same + name
            must(self.read(offset, len(local)) == local, "zip", NOT_A_ZIP)
            rebuilt += b"PK\1\2\x14\0" + same + bytes(10) + struct.pack("<L", offset) + name
            self.entries[name.decode()] = method, crc, offset + len(local), packed, plain
            offset += len(local) + packed
        self.names = list(self.entries)
        n = len(self.names)
        must(rebuilt == directory and offset == start and
             end == b"PK\5\6" + struct.pack("<4HLLH", 0, 0, n, n, length, start, 0), "zip", NOT_A_ZIP)

    def read(self, offset, length):
        self.file.seek(offset)
        return self.file.read(length)

    def packed(self, name):
        """The bytes of a file as they lie in the zip, in chunks."""
        _, _, offset, left, _ = self.entries[name]
        while left:
            chunk = self.read(offset, min(left, CHUNK))
            must(chunk, "zip", NOT_A_ZIP)  # the zip has become shorter while we read
            offset, left = offset + len(chunk), left - len(chunk)
            yield chunk

    def plain(self, name):
        """The bytes of a file, in chunks: never more of them than its header says, however it is packed."""
        method, _, _, _, left = self.entries[name]
        inflate, out = zlib.decompressobj(-15), b""
        for chunk in self.packed(name):
            while chunk and method == 8:
                out = inflated(inflate, chunk)
                left, chunk = left - len(out), inflate.unconsumed_tail
                must(left >= 0 and not inflate.unused_data and (out or not chunk), "zip", NOT_A_ZIP)
                yield out
            yield chunk
        while method == 8 and not inflate.eof:  # what the last chunk still holds
            out = inflated(inflate, b"")
            left -= len(out)
            must(out and left >= 0, "zip", NOT_A_ZIP)
            yield out
        must(method == 0 or left == 0, "zip", NOT_A_ZIP)

    def check_crc(self, name, crc):
        must(self.entries[name][1] == crc, "zip", NOT_A_ZIP)

def inflated(inflate, chunk):
    try:
        return inflate.decompress(chunk, CHUNK)
    except zlib.error:
        fail("zip", NOT_A_ZIP)

def read_whole(pack, name, limit=MAX_WHOLE):
    chunks, size = [], 0
    for chunk in pack.plain(name):
        chunks.append(chunk)
        size += len(chunk)
        must(size <= limit, name)
    return b"".join(chunks)

def lines(pack, name):
    """The lines of a file, without LF. What breaks the form of lines (an empty one, one that is too long or has
    no LF) comes out as an empty line, which nobody who reads lines accepts."""
    rest, size = [], 0
    for chunk in pack.plain(name):
        first, *more = chunk.split(b"\n")
        rest.append(first)
        size += len(first)
        if size >= MAX_LINE:
            yield b""
        if more:
            yield b"".join(rest)
            yield from more[:-1]
            rest, size = more[-1:], len(more[-1])
    if size:
        yield b""

def check_file(pack, name, listed):
    """Length and hash of one file, packed and plain, are those that pack.json lists."""
    if pack.packed:
        check_bytes(name, pack.packed(name), listed["packed_bytes"], listed["packed_sha256"])
    pack.check_crc(name, check_bytes(name, pack.plain(name), listed["bytes"], listed["sha256"]))

def check_bytes(name, chunks, size, digest):
    sha, crc, seen = hashlib.sha256(), 0, 0
    for chunk in chunks:
        sha.update(chunk)
        crc, seen = zlib.crc32(chunk, crc), seen + len(chunk)
        must(seen <= size, name, NOT_LISTED)
    must(seen == size and sha.hexdigest() == digest, name, NOT_LISTED)
    return crc

# ===== Section 2: the header, the public line of a record =====
#
# Headers stand in a pack without "prev", which follows from the header before.
HEADER = re.compile((
    r'\{"v":1,"seq":(?P<seq>0|[1-9][0-9]{0,18}),"at":"(?P<at>' + TIME + r')",'
    r'"source":"(?P<source>evident|[a-z0-9][a-z0-9._]*/[a-z0-9][a-z0-9._-]*)",'
    r'"sseq":(?P<sseq>0|[1-9][0-9]{0,18}),"occurred_at":"(?P<occurred_at>' + TIME + r')",'
    r'"category":"(?P<category>authentication|account|access|privileged|data|config|change|network|system)",'
    r'"action":"(?P<action>[a-z0-9_]+(?:\.[a-z0-9_]+){0,3})","outcome":"(?P<outcome>success|failure|denied|unknown)",'
    r'"id":"(?P<id>[0-9a-f]{32})","body":"(?P<body>[0-9a-f]{64})"\}').encode())
AFTER_PREV = len(',"body":""}') + 64  # prev goes in front of these last bytes of the line

def read_header(line, where):
    match = HEADER.fullmatch(line)
    must(match, where)
    h = match.groupdict()
    must(len(h["source"]) <= 128 and len(h["action"]) <= 64 and int(h["sseq"]) <= MAX_COUNT and
         is_day(h["at"][:10].decode()) and is_day(h["occurred_at"][:10].decode()), where)
    return h

def leaf_hash(line, prev):
    return sha256(b'\0%s,"prev":"%s"%s' % (line[:-AFTER_PREV], prev.hex().encode(), line[-AFTER_PREV:]))

# ===== Section 3: the body, what happened =====
#
# A body is JSON text, cut into fields. Each field has a fingerprint (a commitment) of its own, made with a random
# salt, so that one field can be withheld and the others are still proven.
MAX_BODY, MAX_FIELDS, MAX_DEPTH, MAX_POINTER, MAX_POINTERS, MAX_VALUE = 24 << 20, 4096, 16, 4096, 1 << 20, 4096
SPACE = re.compile(r"[ \t\n\r]*").match
PLAIN_STRING = re.compile(r'"([^"\\\x00-\x1f]*)"').match
SCALAR = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null"
OTHER_SCALAR = re.compile(SCALAR).match
# Most members are a plain name and a plain scalar: these are cut in one step, the others part by part.
PLAIN_MEMBER = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*'
                          r'("[^"\\\x00-\x1f]*"|' + SCALAR + r')[ \t\n\r]*([,}])[ \t\n\r]*').match

def cut(body):
    """The fields of a body in their order, as (pointer, token). ValueError if it breaks a rule of section 3."""
    s, fields = body.decode("utf-8"), []
    start = SPACE(s).end()
    end = cut_value(s, start, "", 1, fields)
    if len(body) > MAX_BODY or s[start] != "{" or SPACE(s, end).end() != len(s) or fields[0][0] == "":
        raise ValueError("not one object with a field in it")
    if sum(len(p) for p, _ in fields) * 4 > MAX_POINTERS and sum(len(p.encode("utf-8")) for p, _ in fields) > MAX_POINTERS:
        raise ValueError("too long pointers")
    return fields

def cut_value(s, start, pointer, depth, fields):
    """Cuts the value that begins at start; returns where it ends."""
    opening = s[start:start + 1]
    if opening in ("{", "["):
        if depth > MAX_DEPTH:
            raise ValueError("too deep")
        inside = SPACE(s, start + 1).end()
        end = inside + 1 if s[inside:inside + 1] == {"{": "}", "[": "]"}[opening] else None  # {} and [] are fields
        if end is None and opening == "[":
            end = scalars(s, start)[1]
        if end is None:
            return cut_inside(s, inside, opening == "{", pointer, depth, fields)
    else:
        end = scalar_end(s, start)
    add(fields, pointer, s[start:end])
    return end

def add(fields, pointer, token):
    if len(fields) == MAX_FIELDS or 4 * len(pointer) > MAX_POINTER and len(pointer.encode("utf-8")) > MAX_POINTER:
        raise ValueError("too many fields, or too long a pointer")
    fields.append((pointer, token.encode("utf-8")))

def cut_inside(s, i, is_object, pointer, depth, fields):
    names = set()
    while True:
        name, plain = str(len(names)), PLAIN_MEMBER(s, i) if is_object else None
        if plain:
            name, token, mark = plain.groups()
            i = plain.end()
        elif is_object:
            name, i = string_at(s, i)
            i = after(s, i, ":")
        if name in names or "\0" in name:
            raise ValueError("a name twice, or NUL")
        names.add(name)
        inner = pointer + "/" + name.replace("~", "~0").replace("/", "~1")
        if plain:
            add(fields, inner, token)
            if mark == "}":
                return i
            continue
        i = SPACE(s, cut_value(s, i, inner, depth + 1, fields)).end()
        if s[i:i + 1] == ("}" if is_object else "]"):
            return i + 1
        i = after(s, i, ",")

def after(s, i, mark):
    i = SPACE(s, i).end()
    if s[i:i + 1] != mark:
        raise ValueError("no %s at %d" % (mark, i))
    return SPACE(s, i + 1).end()

def string_at(s, i):
    """The string at s[i], decoded, and where it ends."""
    match = PLAIN_STRING(s, i)
    if match:
        return match.group(1), match.end()
    if s[i:i + 1] != '"':
        raise ValueError("no string at %d" % i)
    value, end = scanstring(s, i + 1, True)
    value.encode("utf-8")  # raises for half of a pair of surrogates
    return value, end

def scalar_end(s, i):
    if s[i:i + 1] == '"':
        return string_at(s, i)[1]
    match = OTHER_SCALAR(s, i)
    if not match:
        raise ValueError("no value at %d" % i)
    return match.end()

def scalars(s, i):
    """The elements of the array at s[i] and where it ends; None for its end if it holds more than scalars."""
    found, i = [], SPACE(s, i + 1).end()
    while s[i:i + 1] not in ("{", "["):
        if s[i:i + 1] == "]" and not found:
            return found, i + 1
        end = scalar_end(s, i)
        found.append(s[i:end])
        i = SPACE(s, end).end()
        if s[i:i + 1] == "]":
            return found, i + 1
        i = after(s, i, ",")
    return found, None

def text_of(token):
    """The text of a string, decoded to UTF-8; any other token as it stands."""
    if token[:1] != b'"':
        return token
    return string_at(token.decode("utf-8"), 0)[0].encode("utf-8") if b"\\" in token else token[1:-1]

@functools.lru_cache(maxsize=4096)
def framed(pointer):
    return struct.pack(">H", len(pointer.encode("utf-8"))) + pointer.encode("utf-8")

def commitment(salt, pointer, token):
    return sha256(b"\2" + salt + framed(pointer) + token)

def salts(seed, n):
    pairs = b"".join(sha256(b"\4" + seed + struct.pack(">H", k)) for k in range((n + 1) // 2))
    return [pairs[16 * i:16 * i + 16] for i in range(n)]

class Record:
    """A line of records.jsonl, others.jsonl or seals.jsonl: a record disclosed whole or in part."""

    def __init__(self, file, line):
        self.value = read_json(line, file)
        must(type(self.value) is dict and type(self.value.get("seq")) is int, file)
        self.seq, self.whole = self.value["seq"], "body" in self.value
        self.where = "%s record %d" % (file, self.seq)
        shape = {"seq": int, "seed": HASH, "body": str} if self.whole else {
            "seq": int, "fields": [(str, str, SALT)], "withheld": [HASH]}
        must(has_shape(self.value, shape), self.where)
        self.withheld = [] if self.whole else self.value["withheld"]
        self.complete = not self.withheld
        must(self.withheld == sorted(set(self.withheld)), self.where)
        must(self.whole or len({f[0] for f in self.value["fields"]}) == len(self.value["fields"]), self.where)

    def check(self, header):
        """Step h for one record: this is what was recorded, and it agrees with its header."""
        try:
            if self.whole:
                fields = cut(self.value["body"].encode("utf-8"))
                salt = salts(bytes.fromhex(self.value["seed"]), len(fields))
            else:
                fields = [(p, t.encode("utf-8")) for p, t, _ in self.value["fields"]]
                salt = [bytes.fromhex(s) for _, _, s in self.value["fields"]]
                for p, t in fields:  # each is one token, as cut() finds it
                    must(POINTER(p) and len(p.encode("utf-8")) <= MAX_POINTER, self.where)
                    must(cut(b'{"":' + t + b"}") == [("/", t)], self.where)
        except (ValueError, RecursionError):
            fail(self.where, ILL_FORMED)
        commitments = list(map(bytes.fromhex, self.withheld)) + [
            commitment(salt[i], pointer, token) for i, (pointer, token) in enumerate(fields)]
        must(0 < len(commitments) <= MAX_FIELDS, self.where)
        digest = sha256(b"\3evc1\n" + struct.pack(">H", len(commitments)) + b"".join(sorted(commitments)))
        must(digest.hex().encode() == header["body"], self.where, "is not what was recorded")
        self.header, self.tokens = header, dict(fields)
        for name in ("source", "category", "action", "outcome", "occurred_at", "id"):
            token = self.tokens.get("/" + name)
            must(not self.whole if token is None else token[:1] == b'"' and agrees(name, text_of(token), header),
                 "%s field /%s" % (self.where, name), "does not agree with its header")

def agrees(name, text, header):
    if name == "id":
        length = struct.pack(">H", len(header["source"]))
        text = sha256(b"evident.id/1\n" + length + header["source"] + text)[:16].hex().encode()
    if name == "occurred_at":  # the event may say .500 where the header says .5
        match = re.fullmatch(rb"([^.]*)(?:\.([0-9]{1,9}))?Z", text)
        fraction = (match.group(2) or b"").rstrip(b"0") if match else b""
        text = match.group(1) + (b"." + fraction if fraction else b"") + b"Z" if match else b""
    return text == header[name]

# ===== Section 4: the tree, one fingerprint for all; notes and their signatures =====

def node_hash(left, right):
    return sha256(b"\1" + left + right)

class Tree:
    """RFC 6962: subtrees from left to right, and two of a size that are siblings are joined as they come."""

    def __init__(self):
        self.size, self.stack = 0, []

    def push(self, digest, size=1):
        self.size += size
        while self.stack and self.stack[-1][0] == size and self.size % (2 * size) == 0:
            digest, size = node_hash(self.stack.pop()[1], digest), 2 * size
        self.stack.append((size, digest))

    def root(self):
        if not self.stack:
            return sha256(b"")
        return functools.reduce(lambda right, left: node_hash(left, right), [d for _, d in reversed(self.stack)])

def subtree_sizes(start, until):
    """The sizes of the largest subtrees that together are start ≤ seq < until."""
    sizes = []
    while start < until:
        size = 1 << (until - start).bit_length() - 1
        size = min(size, start & -start) if start else size
        sizes.append(size)
        start += size
    return sizes

def roots_of(old, size, old_root, proof):
    """RFC 6962 section 2.1.2, backwards: the roots of the first old leaves of a tree of this size, and of the whole,
    as the proof has them. It holds no root of the old tree itself (old_root) where that is a subtree of the new one."""
    if old == size:
        return (old_root, old_root) if old_root else (proof.pop(), ) * 2
    half, sibling = 1 << (size - 1).bit_length() - 1, proof.pop()
    if old <= half:
        first, second = roots_of(old, half, old_root, proof)
        return first, node_hash(second, sibling)
    first, second = roots_of(old - half, size - half, None, proof)
    return node_hash(sibling, first), node_hash(sibling, second)

def is_beginning(old, old_root, size, root, proof):
    """Whether the tree of size old is the beginning of this one."""
    try:
        return 0 < old <= size and roots_of(old, size, old_root, proof) == (old_root, root) and not proof
    except IndexError:  # the proof is too short
        return False

# Ed25519, RFC 8032. A point is (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P

def point_times(n, a):
    total = 0, 1, 1, 0
    for bit in bin(n)[2:]:
        total = point_add(total, total)
        total = point_add(total, a) if bit == "1" else total
    return total

def point_read(data):
    """The point that 32 bytes stand for; None unless they are its one canonical encoding."""
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or x == 0 and sign:
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P

def ed25519_verifies(public, message, signature):
    """Whether S·B = R + k·A, with S below the order of the group."""
    if len(signature) != 64:
        return False
    a, r, s = point_read(public), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = point_times(s, point_read(b"\x58" + b"\x66" * 31)), point_add(r, point_times(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))

ED25519, KEY_SIZES = 1, {1: 32, 6: 1312}  # 6 is ML-DSA-44, which this verifier does without
NAME, MAX_NAME = r"([^+\s]+)", 255

def is_name(text):
    return re.fullmatch(NAME, text) is not None and len(text.encode("utf-8")) <= MAX_NAME

def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the one form of base64")
    return data

class Key:
    """A verifier key, NAME+KEYID+BASE64. ValueError if it is not one."""

    def __init__(self, text):
        match = re.fullmatch(NAME + r"\+([0-9a-f]{8})\+(\S+)", text)
        data = unbase64(match.group(3)) if match else b""
        if not data or len(data) - 1 != KEY_SIZES.get(data[0]) or not is_name(match.group(1)):
            raise ValueError("not a verifier key")
        self.text, self.name, self.kind, self.public = text, match.group(1), data[0], data[1:]
        self.id = sha256(self.name.encode("utf-8") + b"\n" + data)[:4]
        if self.id.hex() != match.group(2):
            raise ValueError("not the id of this key")

def open_note(note, keys, where):
    """The text of a signed note: at least one trusted key has signed it, and none of theirs is wrong."""
    try:
        whole = note.decode("utf-8")
        split = whole.rindex("\n\n") + 1
        text, signatures = whole[:split], []
        if len(note) > 1 << 20 or re.search("[\0-\t\x0b-\x1f]", whole) or whole[-1] != "\n":
            raise ValueError("not a note")
        for line in whole[split + 1:-1].split("\n"):
            match = re.fullmatch("\u2014 " + NAME + r" (\S+)", line)
            blob = unbase64(match.group(2)) if match else b""
            if len(blob) < 5 or not is_name(match.group(1)) or len(signatures) == 100:
                raise ValueError("not a signature line")
            signatures.append((match.group(1), blob[:4], blob[4:]))
    except ValueError:
        fail(where, ILL_FORMED)
    verified = [ed25519_verifies(key.public, text.encode("utf-8"), signature) for name, key_id, signature in signatures
                for key in keys if (key.kind, key.name, key.id) == (ED25519, name, key_id)]
    must(verified and all(verified), where, UNSIGNED)
    return text

def read_checkpoint(text, origin, where):
    """The size and the root that the text of a checkpoint states."""
    match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)
    must(match and int(match.group(2)) <= MAX_COUNT and base64.b64encode(base64.b64decode(match.group(3))).decode() ==
         match.group(3), where)
    must(match.group(1) == origin, where, FOREIGN)
    return int(match.group(2)), base64.b64decode(match.group(3))

# ===== Section 6.8 and 6.9: the filter, which records were asked for =====
#
# An expression is true, false or unknown of a record (here True, False, None): unknown, if it asks for a field
# that the pack does not show.
IN_HEADER = {n: n for n in ("source", "category", "action", "outcome", "at", "seq", "sseq", "id")}
IN_HEADER.update({"/" + n: n for n in ("source", "category", "action", "outcome", "occurred_at")})

def shown(text):
    """A text in quotes; and, where it has characters that a reader could take for others, by their numbers too."""
    text = text.replace('"', '""')
    exact = re.sub("[^ -~]|<", lambda match: "<U+%04X>" % ord(match.group()), text)
    return '"%s"' % text if re.fullmatch("[ -~]*", text) else '"%s" = "%s"' % (text, exact)

def field_shown(field):
    return field if re.fullmatch("[A-Za-z0-9/_.~*@:-]+", field) else shown(field)

class Clause:
    """One question about a record, such as is(/actor/email "alice@*")."""

    def __init__(self, op, fields, value, where):
        self.op, text = op, value.encode("utf-8").lower()
        must(len(text) <= MAX_VALUE, where)
        self.in_header = [IN_HEADER[f] for f in fields if f in IN_HEADER]
        self.in_body = [f for f in fields if f not in IN_HEADER]
        self.starred = [f.split("/") for f in self.in_body if "*" in f.split("/")]
        self.headers_only = op != "text" and not self.in_body
        must(all(POINTER(f) and len(f.encode("utf-8")) <= MAX_POINTER for f in self.in_body), where)
        if op in ("from", "until"):
            must(self.in_header in (["at"], ["occurred_at"]) and len(fields) == 1 and is_time(value), where)
            limit = value.encode()[:-1]
            self.holds = (lambda v: v[:-1] >= limit) if op == "from" else (lambda v: v[:-1] < limit)
        elif op == "cidr":
            must(fields and network(value), where)
            self.holds = functools.partial(in_network, network(value))
        elif op == "is":
            must(fields, where)
            self.holds = functools.partial(is_like, pieces(text))
        else:
            must(op == "text" and not fields and text not in (b"", b"*", b"**"), where)
            self.holds = functools.partial(has_phrase, text)
        self.text = "%s(%s)" % (op, " ".join(["|".join(map(field_shown, fields))] * bool(fields) + [shown(value)]))

    def truth(self, header, tokens, complete):
        """tokens are the disclosed fields, None for a header alone; complete: none is withheld."""
        if any(self.holds(header[f]) for f in self.in_header):
            return True
        if self.headers_only or tokens is None:
            return False if self.headers_only else None
        looked_at = list(tokens.values()) if self.op == "text" else [tokens[f] for f in self.in_body if f in tokens]
        decided = complete or self.op != "text" and len(looked_at) == len(self.in_body) and not self.starred
        looked_at += [t for p, t in tokens.items() if any(is_starred(p.split("/"), s) for s in self.starred)]
        return True if any(self.holds(v) for t in looked_at for v in values(t)) else False if decided else None

def is_starred(parts, pattern):
    return len(parts) == len(pattern) and all(b in ("*", a) for a, b in zip(parts, pattern))

def values(token):
    if token[:1] == b"[":
        return [v for e in scalars(token.decode("utf-8"), 0)[0] for v in values(e.encode("utf-8"))]
    return [] if token[:1] in (b"{", b"n") else [text_of(token)]

def pieces(pattern):
    """What stands between the * of a pattern; \\* and \\\\ are the characters themselves."""
    parts = [bytearray()]
    for part in re.findall(rb"\\[*\\]|.", pattern, re.DOTALL):
        if part == b"*":
            parts.append(bytearray())
        else:
            parts[-1] += part[-1:]
    return list(map(bytes, parts))

def is_like(parts, value):
    value, first, last = value.lower(), parts[0], parts[-1]
    if len(parts) == 1:
        return value == first
    at, end = len(first), len(value) - len(last)
    if at > end or not value.startswith(first) or not value.endswith(last):
        return False
    for part in parts[1:-1]:
        at = value.find(part, at, end) + len(part)
        if at < len(part):
            return False
    return True

WORD = re.compile(rb"[a-z0-9_\x80-\xff]").match

def has_phrase(phrase, value):
    left_open, right_open = phrase[:1] == b"*", phrase[-1:] == b"*"
    phrase, value = phrase[left_open:len(phrase) - right_open], value.lower()
    left_open, right_open = left_open or not WORD(phrase), right_open or not WORD(phrase[-1:])
    at = value.find(phrase)
    while at >= 0:
        if (left_open or at == 0 or not WORD(value, at - 1)) and (right_open or not WORD(value, at + len(phrase))):
            return True
        at = value.find(phrase, at + 1)
    return False

def address(text):
    """The IP address that a text is, or None."""
    if re.search(r"%|(^|[.:])0[0-9]+(\.|$)", text) and ("%" in text or "." in text):
        return None  # a zone; and 010 is 8 to some and 10 to others
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None

def network(text):
    match = re.fullmatch("(.*)/(0|[1-9][0-9]{0,2})", text)
    base = address(match.group(1)) if match else None
    if base is None or int(match.group(2)) > base.max_prefixlen:
        return None
    return ipaddress.ip_network("%s/%s" % (base, match.group(2)), strict=False)

def in_network(net, value):
    found = address(value.decode("utf-8"))
    found = getattr(found, "ipv4_mapped", None) or found  # an IPv4-mapped IPv6 address is its IPv4 address
    return found is not None and found.version == net.version and found in net

class Filter:
    def __init__(self, expr, where):
        self.clauses, self.nodes = [], 0
        self.tree = self.read(expr, 1, where)
        self.text = "everything" if self.tree == ("all", []) else self.write(self.tree)

    def read(self, expr, depth, where):
        self.nodes += 1
        must(depth <= 32 and self.nodes <= 512, where)
        must(has_shape(expr, {"op": str, "args?": [dict], "fields?": [str], "value?": str}), where)
        op, args, fields, value = (expr.get(n, "") for n in ("op", "args", "fields", "value"))
        if op in ("all", "any", "not"):
            must(not fields and not value and (op != "not" or len(args) == 1), where)
            return op, [self.read(a, depth + 1, where) for a in args]
        must(not args, where)
        self.clauses.append(Clause(op, list(fields), value, where))
        return self.clauses[-1]

    def write(self, node):
        return node.text if type(node) is Clause else "%s(%s)" % (node[0], ", ".join(map(self.write, node[1])))

    def truth(self, header, tokens=None, complete=False, node=None):
        node = node or self.tree
        if type(node) is Clause:
            return node.truth(header, tokens, complete)
        truths = [self.truth(header, tokens, complete, n) for n in node[1]]
        if node[0] == "not":
            return None if truths[0] is None else not truths[0]
        decides = node[0] == "any"  # one true makes "any" true, one false makes "all" false
        return decides if decides in truths else None if None in truths else not decides

# ===== Section 6.7: population.csv, the records for a spreadsheet =====

FROM_HEADER = ["seq", "occurred_at", "at", "source", "category", "action", "outcome", "id"]
FROM_BODY = {"event_id": ["/id"], "actor_type": ["/actor/type"], "actor_id": ["/actor/id"],
             "actor_name": ["/actor/name"], "actor_email": ["/actor/email"],
             "target_type": ["/target/type", "/targets/0/type"], "target_id": ["/target/id", "/targets/0/id"],
             "target_name": ["/target/name", "/targets/0/name"], "ip": ["/where/ip"], "ticket": ["/why/ticket"]}

def csv_line(cells):
    out = []
    for cell in cells:
        cell = (cell if cell.isascii() and cell.isprintable() else cell.translate(CLEAN)).replace('"', '""')
        formula = cell.strip(" ") and cell.lstrip(" ")[0] in "=+-@\uff1d\uff0b\uff0d\uff20"
        out.append('"%s%s"' % ("'" if formula else "", cell))
    return ",".join(out).encode("utf-8")

def csv_row(record, leaf):
    cells = [record.header[n] for n in FROM_HEADER]
    for pointers in FROM_BODY.values():
        shown = [record.tokens[p] for p in pointers if p in record.tokens]
        cells.append(text_of(shown[0]) if shown else b"" if record.complete else b"[withheld]")
    return csv_line([c.decode("utf-8") for c in cells] + [leaf.hex()])

# ===== Section 6.3, 6.5 and 5: the shapes of pack.json, tree.json and the manifests =====

COUNTS = ["headers", "window", "matched", "others", "unproven", "late", "ahead"]
PACK = {"format": "evident.pack/1", "origin": is_name, "made_at": is_time, "made_by": str,
        "window": {"by": re.compile("occurred_at|at").fullmatch, "from": is_time, "until": is_time},
        "filter": {"text": str, "expr": dict}, "withheld": [str], "counts": dict.fromkeys(COUNTS, int),
        "omissions": [{"what": str, "records": int, "why": str}],
        "files": [{"name": str, "bytes": int, "sha256": HASH, "packed_bytes": int, "packed_sha256": HASH}]}
TREE = {"size": int, "root": HASH, "pieces": [{"from": int, "until": int, "hashes?": [HASH], "prev?": HASH}],
        "period?": {"checkpoint": str, "proof": [HASH]}}
SPAN = {"first": is_time, "last": is_time}
MANIFEST = {"format": "evident.segment/1", "origin": str, "segment": int, "first": int, "until": int, "previous": HASH,
            "root": HASH, "at": SPAN,
            "counts": [{"source": str, "action": str, "records": int, "occurred_at": SPAN}], "files": [dict], "checkpoint": str}
OUTSIDE, KEPT = 0, {False: 1, None: 2, True: 3}  # what is kept of each header: is it in the window, does it match

# ===== Section 7: the steps. steps() is the whole procedure =====

class Verifier:
    def __init__(self, pack, given):
        self.pack, self.given = pack, given

    def steps(self):
        self.a_pack()      # what the pack says it is
        self.b_keys()      # whose signature counts
        self.c_files()     # every byte is as it was signed
        self.d_tree()      # the state of the whole trail was signed
        self.e_headers()   # every header here is part of that trail
        self.f_segments()  # what is left out lies outside the window
        self.g_period()    # nothing was rewritten since the window's end
        self.h_records()   # what is shown is what was recorded
        self.i_to_l()      # what was asked for is shown, and none of it is missing
        print("VERIFIED")

    def a_pack(self):
        where, names = "pack.json", self.pack.names
        must(where in names, where, MISSING)
        must(where not in self.pack.irregular, where, STRAY)  # a pipe would be read for ever
        self.info = info = read_json(read_whole(self.pack, where, MAX_PACK_JSON), where, PACK)
        must([f["name"] for f in info["files"]] == FILES and all(f["bytes"] <= MAX_FILE for f in info["files"]), where)
        self.listed = {f["name"]: f for f in info["files"]}
        self.origin, self.by = info["origin"], info["window"]["by"]
        self.start, self.until = (info["window"][n].encode()[:-1] for n in ("from", "until"))
        self.filter = Filter(info["filter"]["expr"], where)
        expected = ["pack.json", "pack.note"] + FILES
        for name in expected:
            must(name in names, name, MISSING)
        for name in sorted(names, key=os.fsencode):
            must(name in expected and name not in self.pack.irregular,
                 os.fsencode(name).decode("utf-8", "replace").translate(CLEAN), STRAY)
        must(type(self.pack) is Folder or names == expected, "zip", NOT_A_ZIP)
        say("pack", "made %s by %s, for the trail %s" % (info["made_at"], info["made_by"], self.origin))

    def b_keys(self):
        check_file(self.pack, "keys.txt", self.listed["keys.txt"])
        own = []
        for line in lines(self.pack, "keys.txt"):
            try:
                own.append(Key(line.decode("utf-8")))
            except ValueError:
                fail("keys.txt", ILL_FORMED)
            must(own[-1].name == self.origin and own[-1].id not in [k.id for k in own[:-1]], "keys.txt")
        self.keys = self.given or own
        whose = "given" if self.given else "came with the evidence itself: compare it with the one you were given"
        for key in self.keys:
            short = key.text.rsplit("+", 1)[0] + ", ML-DSA-44"
            say("key", "%s (%s)" % ((key.text, whose) if key.kind == ED25519 else (short, "not checked by this verifier")))

    def c_files(self):
        info, note = (read_whole(self.pack, name, MAX_PACK_JSON) for name in ("pack.json", "pack.note"))
        trail = [key for key in self.keys if key.name == self.origin]  # nobody else signs its packs
        match = re.fullmatch("evident\\.pack/1\n([^\n]+)\n([0-9a-f]{64})\n", open_note(note, trail, "pack.note"))
        must(match, "pack.note")
        must(match.group(1) == self.origin, "pack.note", FOREIGN)
        must(match.group(2) == sha256(info).hex(), "pack.json", UNSIGNED)
        self.pack.check_crc("pack.json", zlib.crc32(info))
        self.pack.check_crc("pack.note", zlib.crc32(note))
        for name in FILES:
            check_file(self.pack, name, self.listed[name])
        say("files", "%d files, whole and as signed" % (len(FILES) + 2))

    def d_tree(self):
        text = open_note(read_whole(self.pack, "checkpoint.txt"), self.keys, "checkpoint.txt")
        self.size, self.root = read_checkpoint(text, self.origin, "checkpoint.txt")
        self.tree = tree = read_json(read_whole(self.pack, "tree.json"), "tree.json", TREE)
        must((tree["size"], tree["root"]) == (self.size, self.root.hex()), "tree.json", OTHER_TREE)
        end, was_run = 0, None
        for piece in tree["pieces"]:
            must(("prev" in piece) != ("hashes" in piece), "tree.json")
        for piece in tree["pieces"]:
            start, until, is_run = piece["from"], piece["until"], "prev" in piece
            must(start == end < until <= self.size and is_run is not was_run, "tree.json", UNFIT)
            must(is_run or len(piece["hashes"]) == len(subtree_sizes(start, until)), "tree.json", UNFIT)
            end, was_run = until, is_run
        must(end == self.size, "tree.json", UNFIT)
        say("tree", "size %d, root %s, signed" % (self.size, self.root.hex()))

    def e_headers(self):
        """Goes through the pieces from left to right and computes the root of all of them. Of each header it
        keeps the leaf hash, and one byte: is it in the window, and what does the filter say of the header alone."""
        tree, ids, last, runs = Tree(), set(), {}, 0
        self.leaves, self.kept, self.roots = bytearray(), bytearray(), {}
        described = dict(self.described())  # end of each segment, at which step f wants to know the root: is it left out
        ends, self.denied = sorted(described), False
        rest = lines(self.pack, "headers.jsonl")
        for piece in self.tree["pieces"]:
            for digest, size in zip(piece.get("hashes", ()), subtree_sizes(piece["from"], piece["until"])):
                tree.push(bytes.fromhex(digest), size)
            if "prev" in piece:
                must(piece["from"] > 0 or piece["prev"] == "00" * 32, "tree.json", UNFIT)
                runs, prev, at, of_run = runs + 1, bytes.fromhex(piece["prev"]), b"", set()
                for seq in range(piece["from"], piece["until"]):
                    where, line = "headers.jsonl record %d" % seq, next(rest, None)
                    must(line is not None, where, UNFIT)
                    h = read_header(line, where)
                    source, due, sseq = h["source"], last.get(h["source"], -1) + 1, int(h["sseq"])
                    must(int(h["seq"]) == seq and at <= h["at"][:-1], where, UNFIT)
                    must(sseq == due or sseq > due and source not in of_run and piece["from"] > 0, where, UNFIT)
                    must(h["id"] not in ids, where, TWICE)
                    ids.add(h["id"])
                    of_run.add(source)
                    at, last[source], prev = h["at"][:-1], sseq, leaf_hash(line, prev)
                    tree.push(prev)
                    self.leaves += prev
                    inside = self.start <= h[self.by][:-1] < self.until
                    self.kept.append(KEPT[self.filter.truth(h)] if inside else OUTSIDE)
                    while ends and ends[0] <= seq:
                        ends.pop(0)
                    if ends:
                        outside, span = described[ends[0]]
                        self.denied |= inside and outside or not span["first"].encode()[:-1] <= h["at"][:-1] <= span["last"].encode()[:-1]
                    if seq + 1 in described:
                        self.roots[seq + 1] = tree.root()
            self.roots[piece["until"]] = tree.root()
        must(next(rest, None) is None, "headers.jsonl", UNFIT)
        must(tree.root() == self.root, "tree.json", OTHER_TREE)
        say("headers", "%d headers in %d runs, each in the tree" % (len(self.kept), runs))

    def described(self):
        try:
            for line in lines(self.pack, "manifests.jsonl"):
                m = read_json(line, "", MANIFEST)
                yield m["until"], (self.is_outside(m), m["at"])
        except NotVerified:
            pass  # which read_manifests() says in its turn

    def is_outside(self, m):
        """A manifest describes its segment as outside the window."""
        spans = [m["at"]] if self.by == "at" else [c["occurred_at"] for c in m["counts"]]
        return all(s["last"].encode()[:-1] < self.start or s["first"].encode()[:-1] >= self.until for s in spans)

    def f_segments(self):
        self.read_manifests()
        sealed = 0
        for record, _ in self.records_in("seals.jsonl", None):
            must(sealed < len(self.manifests), "seals.jsonl", STRAY)
            must(self.seals(record, sealed), "manifests.jsonl", "is not what was sealed")
            m = self.manifests[sealed]
            m["outside"] = self.is_outside(m) and seconds(record.header["at"].decode()) - seconds(m["at"]["last"]) <= 3600
            sealed += 1
        must(sealed == len(self.manifests), "manifests.jsonl", "is not what was sealed")
        # Whatever is left out lies in segments that hold no record of the window; after the last one is a run.
        left, i = set(), 0
        for piece in self.tree["pieces"]:
            at = piece["until"] if "prev" in piece else piece["from"]
            while at < piece["until"]:
                while i < len(self.manifests) and self.manifests[i]["until"] <= at:
                    i += 1
                must(i < len(self.manifests) and self.manifests[i]["outside"], "tree.json", HIDDEN)
                left.add(i)
                at = self.manifests[i]["until"]
        say("segments", "%d segments; %d left out, outside the window by what was recorded of them in the one after"
            % (len(self.manifests), len(left)))

    def seals(self, record, number):
        """The record names that manifest, and stands in the segment that follows."""
        header, ends = record.header, [m["until"] for m in self.manifests] + [self.size]
        return agrees("id", b"segment.seal/%d" % number, header) and \
            (header["source"], header["action"]) == (b"evident", b"segment.seal") and \
            record.tokens.get("/detail/segment") == b"%d" % number and \
            text_of(record.tokens.get("/detail/manifest", b"")) == self.hashes[number].hex().encode() and \
            ends[number] <= record.seq < ends[number + 1]

    def read_manifests(self):
        where, self.manifests, self.hashes, previous, end, last = "manifests.jsonl", [], [], bytes(32), 0, ""
        for line in lines(self.pack, where):
            m = read_json(line, where, MANIFEST)
            must(len(line) <= MAX_MANIFEST and all(
                re.fullmatch("[a-z0-9_]{1,64}", name) and type(value) in (str, int)
                for file in m["files"] for name, value in file.items()), where)
            must(m["origin"] == self.origin, where, FOREIGN)
            pairs = [(c["source"], c["action"]) for c in m["counts"]]
            must((m["segment"], m["first"], m["previous"]) == (len(self.manifests), end, previous.hex()) and
                 end < m["until"] <= self.size and last <= m["at"]["first"][:-1] and pairs == sorted(set(pairs)) and
                 sum(c["records"] for c in m["counts"]) == m["until"] - end, where, UNFIT)
            text = m["checkpoint"][:m["checkpoint"].rfind("\n\n") + 1]
            root = base64.b64encode(bytes.fromhex(m["root"])).decode()
            must(text == "%s\n%d\n%s\n" % (self.origin, m["until"], root), where, UNFIT)
            previous, end, last = sha256(line), m["until"], m["at"]["last"][:-1]
            self.manifests.append(m)
            self.hashes.append(previous)
        for m in self.manifests:
            must(self.roots.get(m["until"], bytes.fromhex(m["root"])).hex() == m["root"], where, UNFIT)
        must(not self.denied, where, UNFIT)

    def g_period(self):
        where, period = "tree.json", self.tree.get("period")
        must((period is None) == (not self.manifests), where)
        if period is None:
            return
        m = next((m for m in self.manifests if m["at"]["last"].encode()[:-1] >= self.until), self.manifests[-1])
        must(period["checkpoint"] == m["checkpoint"], where, UNFIT)
        open_note(period["checkpoint"].encode("utf-8"), self.keys, where)
        proof = list(map(bytes.fromhex, period["proof"]))
        must(is_beginning(m["until"], bytes.fromhex(m["root"]), self.size, self.root, proof), where,
             "is not the beginning of this trail")
        say("period", "the trail of size %d is the beginning of this one" % m["until"])

    def headers_again(self):
        """The headers once more, which step e has proven: position in the file, seq, line."""
        rest = enumerate(lines(self.pack, "headers.jsonl"))
        for piece in self.tree["pieces"]:
            for seq in range(piece["from"], piece["until"]) if "prev" in piece else ():
                position, line = next(rest)
                yield position, seq, line

    def records_in(self, file, taken):
        """The records of a file, each checked against its header, with the position of that header."""
        headers, last, due = self.headers_again(), -1, (-1, -1, b"")
        for line in lines(self.pack, file):
            record = Record(file, line)
            must(record.seq != last, record.where, TWICE)
            must(record.seq > last, record.where, UNFIT)
            last = record.seq
            while due and due[1] < last:
                due = next(headers, None)
            must(due and due[1] == last, record.where, "has no header here")
            must(not taken or not taken[due[0]], record.where, TWICE)
            record.check(read_header(due[2], record.where))
            yield record, due[0]

    def h_records(self):
        """Checks all records. What later steps have to say about them is noted, and said in its turn."""
        self.outside = self.mismatch = None
        self.count = dict.fromkeys(COUNTS + ["whole", "on_word"], 0)
        self.count.update(headers=len(self.kept), window=len(self.kept) - self.kept.count(OUTSIDE))
        self.unknown, self.rows, self.shown = [0] * len(self.filter.clauses), [], bytearray(len(self.kept))
        for file, kind in (("records.jsonl", "matched"), ("others.jsonl", "others")):
            for record, position in self.records_in(file, self.shown):
                self.shown[position] = 1
                self.count["whole"] += record.whole
                self.count[kind] += 1
                if self.kept[position] == OUTSIDE:
                    self.outside = self.outside or record.where
                truth = self.filter.truth(record.header, record.tokens, record.complete)
                if kind == "matched":
                    self.note_match(record, truth, bytes(self.leaves[32 * position:32 * position + 32]))
                if truth is False if kind == "matched" else truth is not False:
                    self.mismatch = self.mismatch or (
                        record.where, "does not match the filter" if kind == "matched" else "matches the filter")
        shown = self.count["matched"] + self.count["others"]
        say("records", "%d whole, %d in part, as recorded" % (self.count["whole"], shown - self.count["whole"]))

    def note_match(self, record, truth, leaf):
        h = record.header
        self.count["late"] += h["at"][:-1] >= self.until
        self.count["ahead"] += h["occurred_at"][:-1] > h["at"][:-1]
        if truth is None:
            self.count["on_word"] += 1
            self.note_unknown(h, record.tokens, record.complete)
        self.rows.append((h["occurred_at"][:-1], record.seq, sha256(csv_row(record, leaf))))

    def note_unknown(self, *record):
        self.unknown = [n + (clause.truth(*record) is None) for n, clause in zip(self.unknown, self.filter.clauses)]

    def i_to_l(self):
        count, window = self.count, self.info["window"]
        must(self.outside is None, self.outside, "lies outside the window")
        say("window", "%d headers by %s from %s until %s" % (count["window"], self.by, window["from"], window["until"]))
        say("filter", self.filter.text)
        if self.mismatch:
            fail(*self.mismatch)
        for position, seq, line in self.headers_again():
            if not self.shown[position] and self.kept[position] in (KEPT[None], KEPT[True]):
                must(self.kept[position] == KEPT[None], "records.jsonl record %d" % seq, "is missing from the pack")
                count["unproven"] += 1
                self.note_unknown(read_header(line, "headers.jsonl"), None, False)
        for name in COUNTS:
            must(self.info["counts"][name] == count[name], "pack.json field /counts/" + name, NOT_SAID)
        expected = [csv_line(FROM_HEADER + list(FROM_BODY) + ["leaf"])]
        expected = [sha256(expected[0])] + [row for _, _, row in sorted(self.rows)]
        must([sha256(line) for line in lines(self.pack, "population.csv")] == expected, "population.csv", NOT_SAID)
        say("complete", "%(matched)d match, %(others)d shown not to, %(unproven)d not disclosed and not decided by "
            "headers, %(on_word)d that match on the exporter's word" % count)
        for clause, x in zip(self.filter.clauses, self.unknown):
            rests = "rests on the exporter's word for %d records" % x if x else "proven by what is disclosed"
            say("clause", "%s: %s" % (clause.text, "proven by headers" if clause.headers_only else rests))

def seconds(time):
    return (datetime.datetime.fromisoformat(time[:19]) - datetime.datetime(1970, 1, 1)).total_seconds()

def keys_from(argument):
    """The keys of --key: one key, or a file with one a line."""
    if not os.path.exists(argument):
        return [Key(argument)]
    with open(argument, encoding="utf-8") as file:
        return [Key(line.strip()) for line in file if line.strip()]

def main(arguments):
    keys, paths = [], []
    try:
        while arguments:
            argument = arguments.pop(0)
            if argument == "--key":
                keys += keys_from(arguments.pop(0))
            elif argument.startswith("-") or paths:
                raise ValueError("usage: verify.py [--key VKEY|FILE]... [PACK.zip|FOLDER]")
            else:
                paths.append(argument)
        path = paths[0] if paths else os.path.dirname(os.path.abspath(__file__))
        if os.path.isdir(path):
            Verifier(Folder(path), keys).steps()
        else:
            with open(path, "rb") as file:
                Verifier(Zip(file), keys).steps()
        return 0
    except NotVerified as problem:
        print("NOT VERIFIED: %s" % problem)
        return 1
    except (OSError, ValueError, IndexError, MemoryError) as problem:
        print("could not run: %s" % (problem or type(problem).__name__), file=sys.stderr)
        return 2

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")  # the same bytes everywhere
    sys.exit(main(sys.argv[1:]))
