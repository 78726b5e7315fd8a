"""Tests of verify.py from inside: the parts that packs reach only in part. Run by verify_py_test.go.

The test vectors of testdata/vectors were made by the Go code; what verify.py makes of them must be the same.
"""
import hashlib
import io
import json
import os
import sys
import unittest
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import verify as v

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata", "vectors", "vectors.json"), "rb") as f:
    VECTORS = json.load(f)

# RFC 8032 section 7.1, tests 1 to 3: public key, message, signature.
ED25519 = [
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]


class Vectors(unittest.TestCase):
    def test_bodies(self):
        for b in VECTORS["bodies"]:
            fields = v.cut(b["body"].encode())
            salts = v.salts(bytes.fromhex(b["seed"]), len(fields))
            self.assertEqual([[p, t.decode(), s.hex()] for (p, t), s in zip(fields, salts)], b["fields"])
            self.assertEqual([v.commitment(s, p, t).hex() for (p, t), s in zip(fields, salts)], b["commitments"])

    def test_refused(self):
        for body in VECTORS["refused"]:
            with self.assertRaises((ValueError, RecursionError), msg=bytes.fromhex(body)[:200]):
                v.cut(bytes.fromhex(body))

    def test_headers(self):
        for h in VECTORS["headers"]:
            prev = h["header"].index(',"prev":"')
            line = h["header"][:prev] + h["header"][prev + len(',"prev":""') + 64:]
            v.read_header(line.encode(), "x")
            digest = v.leaf_hash(line.encode(), bytes.fromhex(h["header"][prev + 9:prev + 73]))
            self.assertEqual(digest.hex(), h["leaf"])

    def test_ids(self):
        for i in VECTORS["ids"]:
            header = {"source": i["source"].encode(), "id": i["hash"].encode()}
            self.assertTrue(v.agrees("id", i["id"].encode(), header))
            self.assertFalse(v.agrees("id", i["id"].encode() + b" ", header))

    def test_roots(self):
        tree = v.Tree()
        for n, root in enumerate(VECTORS["roots"]):
            self.assertEqual(tree.root().hex(), root)
            tree.push(v.sha256(bytes([0, n])))


class Signatures(unittest.TestCase):
    def test_rfc_8032(self):
        for public, message, signature in ED25519:
            public, message, signature = map(bytes.fromhex, (public, message, signature))
            self.assertTrue(v.ed25519_verifies(public, message, signature))
            self.assertFalse(v.ed25519_verifies(public, message + b"x", signature))
            for i in (0, 31, 32, 63):
                changed = bytearray(signature)
                changed[i] ^= 1
                self.assertFalse(v.ed25519_verifies(public, message, bytes(changed)))
            self.assertFalse(v.ed25519_verifies(public, message, signature[:63]))
            # S and S + L are the same to a lax verifier, and two signatures for one text.
            s = int.from_bytes(signature[32:], "little") + v.L
            self.assertFalse(v.ed25519_verifies(public, message, signature[:32] + s.to_bytes(32, "little")))

    def test_points_have_one_encoding(self):
        for y in (v.P, v.P + 1, 2**255 - 1):  # y and y - P
            self.assertIsNone(v.point_read(y.to_bytes(32, "little")))
        self.assertIsNotNone(v.point_read((1).to_bytes(32, "little")))
        self.assertIsNone(v.point_read((1 | 1 << 255).to_bytes(32, "little")))  # -0
        self.assertIsNone(v.point_read((2).to_bytes(32, "little")))  # on no curve
        # A lax verifier takes R = (0, 1) with the sign bit set: A and S are of no importance then.
        self.assertFalse(v.ed25519_verifies((1).to_bytes(32, "little"), b"m", (1 | 1 << 255).to_bytes(32, "little") + bytes(32)))


class Proofs(unittest.TestCase):
    """Consistency proofs of all small trees, made by the definition of RFC 6962 section 2.1.2."""

    def root(self, leaves):
        tree = v.Tree()
        for x in leaves:
            tree.push(x)
        return tree.root()

    def prove(self, m, leaves, complete=True):
        n = len(leaves)
        if m == n:
            return [] if complete else [self.root(leaves)]
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            return self.prove(m, leaves[:k], complete) + [self.root(leaves[k:])]
        return self.prove(m - k, leaves[k:], False) + [self.root(leaves[:k])]

    def test_all(self):
        leaves = [v.sha256(b"%d" % i) for i in range(20)]
        for n in range(1, 21):
            root = self.root(leaves[:n])
            for m in range(1, n + 1):
                old, proof = self.root(leaves[:m]), self.prove(m, leaves[:n])
                self.assertTrue(v.is_beginning(m, old, n, root, list(proof)))
                self.assertFalse(v.is_beginning(m, old, n, root, proof + [root]))
                self.assertFalse(v.is_beginning(m, bytes(32), n, root, list(proof)))
                self.assertFalse(v.is_beginning(m, old, n, bytes(32), list(proof)))
                if proof:
                    self.assertFalse(v.is_beginning(m, old, n, root, proof[1:]))
                    self.assertFalse(v.is_beginning(m, old, n, root, proof[:-1]))
        self.assertFalse(v.is_beginning(0, v.sha256(b""), 3, self.root(leaves[:3]), []))
        self.assertFalse(v.is_beginning(4, self.root(leaves[:4]), 3, self.root(leaves[:3]), []))

    def test_subtrees(self):
        for start in range(40):
            for until in range(start, 40):
                at = start
                for size in v.subtree_sizes(start, until):
                    self.assertEqual((size & size - 1, at % size), (0, 0))
                    self.assertTrue(at + size <= until and (at % (2 * size) or at + 2 * size > until))
                    at += size
                self.assertEqual(at, until)


class Filters(unittest.TestCase):
    def test_patterns(self):
        for pattern, value, want in [
                ("alice", "ALICE", True), ("alice", "alice ", False), ("al*", "alice", True), ("*ce", "alice", True),
                ("*", "", True), ("a*c*e", "abcde", True), ("a*c*e", "aec", False), ("ab*ba", "aba", False),
                ("\\*", "*", True), ("\\*", "x", False), ("\\\\", "\\", True), ("a\\b", "a\\b", True), ("é", "É", False),
                ("a*", "a\nb", True), ("\0*", "\0x", True), ("\0", "\0", True), ("", "", True), ("", "x", False),
                ("**a**", "a", True), ("\\\\*", "\\x", True), ("\\", "\\", True)]:
            self.assertEqual(v.is_like(v.pieces(pattern.lower().encode()), value.encode()), want, (pattern, value))

    def test_phrases(self):
        for phrase, value, want in [
                ("key", "the KEY.", True), ("key", "monkey", False), ("*key", "monkey", True), ("key", "keys", False),
                ("key*", "keys", True), ("key", "monkey key", True), ("key", "ékey", False), ("/a", "x/a", True),
                ("a b", "a b", True), ("a b", "a  b", False), ("a*b", "a*b", True), ("aa", "aaa", False)]:
            self.assertEqual(v.has_phrase(phrase.encode(), value.encode()), want, (phrase, value))

    def test_networks(self):
        for network, value, want in [
                ("203.0.113.0/24", "203.0.113.9", True), ("203.0.113.77/24", "203.0.113.9", True),
                ("203.0.113.0/24", "203.0.114.9", False), ("203.0.113.0/24", "::ffff:203.0.113.9", True),
                ("203.0.113.0/24", "203.0.113.09", False), ("203.0.113.0/24", "203.0.113.9 ", False),
                ("0.0.0.0/0", "::1", False), ("::/0", "::1", True), ("::/0", "1.2.3.4", False), ("fe80::/10", "fe80::1%eth0", False),
                ("0.0.0.0/0", "1.2.3", False), ("0.0.0.0/0", "٣.0.0.1", False), ("2001:db8::/32", "2001:DB8:0:0:0:0:0:1", True)]:
            self.assertEqual(v.in_network(v.network(network), value.encode()), want, (network, value))
        for network in ["1.2.3.4", "1.2.3.4/33", "1.2.3.4/024", "1.2.3.0/255.255.255.0", "x/8", "1.2.3.4/", "::/129", "fe80::%1/10"]:
            self.assertIsNone(v.network(network), network)


class Forms(unittest.TestCase):
    def test_times(self):
        for text, want in [
                ("2026-02-28T23:59:59Z", True), ("2026-02-29T00:00:00Z", False), ("2024-02-29T00:00:00Z", True),
                ("2026-01-01T24:00:00Z", False), ("2026-01-01T00:00:60Z", False), ("2026-01-01T00:00:00.10Z", False),
                ("2026-01-01T00:00:00.123456789Z", True), ("2026-01-01T00:00:00.1234567891Z", False),
                ("1969-12-31T00:00:00Z", False), ("2262-01-01T00:00:00Z", False), ("2026-01-01t00:00:00Z", False),
                ("2026-01-01T00:00:00+00:00", False), ("2026-01-01T00:00:00Z\n", False), ("٢026-01-01T00:00:00Z", False)]:
            self.assertEqual(v.is_time(text), want, text)

    def test_json(self):
        for data in ['{"a":1,"a":1}', '{"a":01}', '{"a":-0}', '{"a":1.0}', '{"a":1e3}', '{"a":NaN}', '{"a":9223372036854775808}',
                     '{"a":"\\ud800"}', '{"a":"\t"}', "[" * 100_000, "\ufeff{}", "{}{}", "", '{"a":1,}', "{'a':1}"]:
            with self.assertRaises(v.NotVerified, msg=data[:40]):
                v.read_json(data.encode(), "x")
        with self.assertRaises(v.NotVerified):
            v.read_json(b'{"a":"\xff"}', "x")
        self.assertEqual(v.read_json(b'{"a":9223372036854775807}', "x"), {"a": 2**63 - 1})
        self.assertFalse(v.has_shape({"a": True}, {"a": int}))
        self.assertFalse(v.has_shape({"a": None}, {"a": str}))

    def test_lines(self):
        class Pack:
            def __init__(self, data, size):
                self.chunks = [data[i:i + size] for i in range(0, len(data), size)]

            def plain(self, name):
                return iter(self.chunks)
        for size in (1, 2, 3, 100):
            for data, want in [(b"", []), (b"a\nbb\n", [b"a", b"bb"]), (b"a\n\nb\n", [b"a", b"", b"b"]), (b"a\nb", [b"a", b""]),
                               (b"\n", [b""])]:
                self.assertEqual(list(v.lines(Pack(data, size), "x")), want, (size, data))

    def test_cells(self):
        self.assertEqual(v.csv_line(['a"b', "=1", " +1", "-", "@x", "a=1", "", "  ", "\t=1", "＝1"]).decode(),
                         '"a""b","\'=1","\' +1","\'-","\'@x","a=1","","  ","\' =1","\'＝1"')


class Bombs(unittest.TestCase):
    def zip(self, data, plain):
        name = b"x"
        same = v.struct.pack("<5HLLLHH", 20, 0, 8, 0, 0x21, 0, len(data), plain, 1, 0)
        local = b"PK\3\4" + same + name + data
        central = b"PK\1\2\x14\0" + same + bytes(10) + v.struct.pack("<L", 0) + name
        return v.Zip(io.BytesIO(local + central + b"PK\5\6" + v.struct.pack("<4HLLH", 0, 0, 1, 1, len(central), len(local), 0)))

    def deflate(self, data):
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        return z.compress(data) + z.flush()

    def test_whole(self):
        for data in (b"", b"x", bytes(5 << 20), hashlib.sha512(b"").digest() * 70_000):
            packed = self.deflate(data)
            self.assertTrue(b"".join(self.zip(packed, len(data)).plain("x")) == data)

    def test_never_more_than_promised(self):
        data = bytes(50 << 20)
        packed, seen = self.deflate(data), 0
        for promised in (1, 1 << 20, (50 << 20) - 1, (50 << 20) + 1):
            seen = 0
            with self.assertRaises(v.NotVerified):
                for chunk in self.zip(packed, promised).plain("x"):
                    seen += len(chunk)
            self.assertLessEqual(seen, promised + v.CHUNK)

    def test_broken(self):
        packed = self.deflate(b"hello " * 1000)
        for bad in (packed[:-1], packed + b"x", b"\xff" * 20, packed + packed):
            with self.assertRaises(v.NotVerified):
                b"".join(self.zip(bad, 6000).plain("x"))
        with self.assertRaises(v.NotVerified):
            self.zip(packed, len(packed) * v.MAX_RATIO + 1)


if __name__ == "__main__":
    unittest.main()
