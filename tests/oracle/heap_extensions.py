"""Builders of objects of Debian's packages with C, C++, Cython and Rust types; imported where the target is told `extensions=1`.

A package that a root has not got is noted by name, as any builder that cannot run. None opens a network connection.
"""
from __future__ import print_function

import datetime
import decimal
import io
import os

from heap import skipping


@skipping("numpy")
def build_numpy(n, rng):
    import numpy as np
    kinds = ["?", "i1", "u1", "<i2", ">i2", "u4", "i8", "f2", "<f4", ">f8", "f8", "g", "c8", "c16", "S7", "<U5", ">U5", "V12", "O",
             "M8[ns]", "M8[7D]", "<m8[s]", "M8"]
    arrays = [np.zeros((3, 4), kind) for kind in kinds]
    arrays += [np.zeros(shape) for shape in [(), (0,), (1,), (0, 5), (2, 3, 4), (1,) * 20, (1000, 130), (1310, 1200)]]
    arrays += [array.view() for array in arrays] + [array.T for array in arrays]
    arrays.append(np.array([{"planted": i} for i in range(n // 100)], object))
    arrays.append(np.zeros(40, [("id", "i8"), ("name", "S10"), ("what", "O"), ("at", "f4", (3,))]))
    arrays.append(np.memmap(os.path.join(os.environ["TMPDIR"], "memmap"), "f8", "w+", shape=(100,)))
    arrays += [np.ma.masked_array([1, 2, 3], [0, 1, 0]), np.matrix([[1, 2], [3, 4]]), np.char.array(["a", "bc"])]
    keep = [arrays, [array.dtype for array in arrays], [np.dtype(kind)["at"] for kind in ([("at", "f4", (3,))],)]]
    one = np.arange(12.0).reshape(3, 4)
    keep.append([kind(1) for kind in (np.int8, np.uint16, np.int32, np.uint64, np.float16, np.float32, np.float64, np.longdouble,
                                      np.complex64, np.complex128, np.bool_)])
    keep.append([np.str_("text"), np.bytes_(b"bytes"), np.datetime64("2020-02-03"), np.timedelta64(3, "s"),
                 np.zeros(2, [("a", "i4"), ("b", "O")])[0], np.array([1.5] * (n // 100)).tolist(), list(np.arange(n // 100) * 1.5)])
    keep.append([one.flat, np.nditer(one), np.nditer([one, one.T.copy().T], flags=["external_loop", "buffered"]), np.broadcast(one, 1.0),
                 np.ndenumerate(one), np.ndindex(3, 4), np.vectorize(len), np.frompyfunc(len, 1, 1), np.add, np.poly1d([1, 2]),
                 memoryview(one), one.__array_interface__, one.ctypes, np.errstate(), np.finfo("f8"), np.iinfo("i4")])
    keep.append([np.random.default_rng(3), np.random.RandomState(3), np.random.PCG64(3), np.random.SFC64(3), np.random.SeedSequence(3),
                 np.random.default_rng(4).standard_normal(1000)])
    return keep


@skipping("pandas")
def build_pandas(n, rng):
    import numpy as np
    import pandas as pd
    rows = n // 20
    frame = pd.DataFrame({
        "number": np.arange(rows), "real": np.arange(rows) * .5, "text": ["row %d" % i for i in range(rows)],
        "day": pd.date_range("2020-01-01", periods=rows, freq="h"), "kind": pd.Categorical(["a", "b", "c", "d"] * (rows // 4)),
        "maybe": pd.array([1, None, 2, 3] * (rows // 4), dtype="Int64"), "string": pd.array(["x", None] * (rows // 2), dtype="string"),
        "zone": pd.date_range("2020-01-01", periods=rows, freq="s", tz="UTC"), "flag": np.arange(rows) % 3 == 0})
    keep = [frame, frame.groupby("kind"), frame.groupby("kind", observed=True)["real"].sum(), frame.rolling(3, on="day"),
            frame.set_index(["kind", "number"]), frame.merge(frame, on="number"), frame.iloc[::2], frame["real"].expanding()]
    keep[4].index.get_loc(("a", 0))
    frame.set_index("text").index.get_loc("row 7")
    indexed = frame.set_index("day")
    indexed.index.get_loc(pd.Timestamp("2020-01-01 05:00"))
    keep += [indexed, indexed["real"].resample("D").mean(), pd.read_csv(io.StringIO("a,b\n1,x\n2,y\n")), frame.describe()]
    keep.append([pd.Timestamp("2020-02-03 04:05:06.789", tz="UTC"), pd.Timestamp("2021-01-01"), pd.Timedelta("3 days"), pd.NaT, pd.NA,
                 pd.Period("2020-03", "M"), pd.Interval(1, 2), pd.offsets.MonthEnd(2), pd.offsets.BusinessDay(), pd.offsets.Hour(3),
                 pd.IntervalIndex.from_breaks(range(10)), pd.period_range("2020", periods=4, freq="M"), pd.RangeIndex(5),
                 pd.arrays.SparseArray([0, 0, 1]), pd.Series([{"a": 1}, [2], None]), pd.timedelta_range("1h", periods=4, freq="h")])
    keep.append(list(frame["day"][:200]) + list(frame["text"][:200]) + list(frame.itertuples())[:50] + [frame.iloc[3]])
    return keep


@skipping("lxml")
def build_lxml(n, rng):
    from lxml import etree, html, objectify
    text = "<catalog>%s</catalog>" % "".join("<book id='%d'><title>Title %d</title><!-- c --><?pi x?></book>" % (i, i) for i in range(n // 20))
    root = etree.fromstring(text)
    tree = etree.ElementTree(root)
    namespaced = etree.fromstring("<a xmlns='urn:a' xmlns:b='urn:b'><b:c b:d='e'>text</b:c>tail &amp;</a>")
    schema = etree.XMLSchema(etree.fromstring(
        "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'><xs:element name='a' type='xs:string'/></xs:schema>"))
    relax = etree.RelaxNG(etree.fromstring("<element name='a' xmlns='http://relaxng.org/ns/structure/1.0'><text/></element>"))
    xslt = etree.XSLT(etree.fromstring(
        "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:template match='/'><o/></xsl:template></xsl:stylesheet>"))
    keep = [root, tree, list(root[:500]), [one.attrib for one in root[:100]], [one.get("id") for one in root[:300]], namespaced, schema,
            relax, xslt, xslt(root), etree.XPath("//title/text()"), etree.XPathEvaluator(root), root.xpath("//title/text()")[:50],
            etree.XMLParser(), etree.HTMLParser(), etree.DTD(io.StringIO("<!ELEMENT a (#PCDATA)>")), etree.CDATA("x"), etree.QName("{u}a"),
            root.iter("book"), root.iterchildren(), tree.iter(), etree.iterwalk(root, events=("start", "end")), schema.error_log,
            etree.Comment("c"), etree.ProcessingInstruction("a", "b"), etree.Entity("amp"), tree.docinfo, etree.FunctionNamespace("urn:f")]
    events = etree.iterparse(io.BytesIO(text.encode()), events=("start", "end"))
    keep += [events, next(events), etree.XMLPullParser(("start", "end"))]
    keep += [html.fromstring("<p class=x>Some <b>bold</b><a href='/y'>link</a>"), objectify.fromstring("<a><b>1</b><c>2.5</c><d>t</d></a>")]
    keep.append([keep[-1].b, keep[-1].c, keep[-1].d])
    return keep


@skipping("sqlalchemy")
def build_sqlalchemy(n, rng):
    import sqlalchemy as sa
    from sqlalchemy import orm
    Base = orm.declarative_base()

    class User(Base):
        __tablename__ = "user"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String(30), index=True)
        price = sa.Column(sa.Numeric(10, 2))
        orders = orm.relationship("Order", back_populates="user")

    class Order(Base):
        __tablename__ = "order"
        id = sa.Column(sa.Integer, primary_key=True)
        at = sa.Column(sa.DateTime)
        user_id = sa.Column(sa.ForeignKey("user.id"))
        user = orm.relationship(User, back_populates="orders")

    engine = sa.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    session = orm.Session(engine)
    for i in range(n // 100):
        session.add(User(name="user %d" % i, price=decimal.Decimal(i) / 7,
                         orders=[Order(at=datetime.datetime(2020, 1, 1 + k)) for k in range(3)]))
    session.commit()
    users = session.query(User).options(orm.joinedload(User.orders)).all()
    connection = engine.connect()
    result = connection.execute(sa.text("select id, name from user"))
    rows = result.fetchmany(50)
    keep = [engine, session, users, connection, result, rows, rows[0]._mapping, rows[0].keys() if hasattr(rows[0], "keys") else None,
            sa.select(User.name).where(User.id > 3).order_by(User.name), list(session.execute(sa.select(User.id, User.name)))[:100], Base]
    keep.append(sa.select(User).join(Order).compile(engine))
    return keep


@skipping("psycopg2")
def build_psycopg2(n, rng):
    import psycopg2
    from psycopg2 import errors, extensions, extras, sql
    keep = [extensions.adapt("it's"), extensions.adapt(1.5), extensions.adapt([1, 2]), extensions.adapt(True), extensions.adapt(None),
            extensions.adapt(3), extensions.adapt(decimal.Decimal("1.5")), extensions.adapt(datetime.date(2020, 1, 2)),
            psycopg2.Binary(b"x" * 1000), extras.Json({"a": [1]}), psycopg2.Date(2020, 1, 2), psycopg2.TimestampFromTicks(1e9),
            extensions.new_type((1,), "MINE", lambda value, cursor: value), extensions.new_array_type((2,), "MINE[]", psycopg2.STRING),
            sql.SQL("select {} from {}").format(sql.Identifier("a"), sql.Identifier("t")), extensions.Notify(1, "c", "p"),
            errors.lookup("23505")("message"), psycopg2.OperationalError("message"), extensions.Xid.from_string("x"), psycopg2.NUMBER]
    try:
        psycopg2.connect(host="/nonexistent", dbname="x")
    except psycopg2.OperationalError as error:
        keep.append(error.args)
    return keep


@skipping("cryptography")
def build_cryptography(n, rng):
    from cryptography import fernet, x509
    from cryptography.hazmat.primitives import cmac, hashes, hmac, padding, poly1305, serialization
    from cryptography.hazmat.primitives.asymmetric import dh, dsa, ec, ed25519, rsa, x25519  # noqa: F401
    from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
    from cryptography.x509.oid import NameOID
    key = rsa.generate_private_key(65537, 2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, u"example.org")])
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
                   .not_valid_before(datetime.datetime(2020, 1, 1)).not_valid_after(datetime.datetime(2040, 1, 1))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(u"example.org")]), False).sign(key, hashes.SHA256()))
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    certificates = [x509.load_pem_x509_certificate(pem) for _ in range(n // 200)]
    digest, mac = hashes.Hash(hashes.SHA256()), hmac.HMAC(b"key", hashes.SHA512())
    digest.update(b"x")
    mac.update(b"x")
    cipher = Cipher(algorithms.AES(b"k" * 16), modes.CBC(b"i" * 16))
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    keep = [key, key.public_key(), key.private_numbers(), curve, curve.public_key(), ed25519.Ed25519PrivateKey.generate(),
            x25519.X25519PrivateKey.generate(), certificate, certificates, list(certificate.extensions), certificate.subject, request,
            digest, mac, digest.copy(), cipher, cipher.encryptor(), cipher.decryptor(), aead.AESGCM(b"k" * 16),
            aead.ChaCha20Poly1305(b"k" * 32), padding.PKCS7(128).padder(), fernet.Fernet(fernet.Fernet.generate_key()),
            cmac.CMAC(algorithms.AES(b"k" * 16)), poly1305.Poly1305(b"k" * 32), serialization.BestAvailableEncryption(b"p"),
            x509.CertificateRevocationListBuilder().issuer_name(name).last_update(datetime.datetime(2020, 1, 1))
            .next_update(datetime.datetime(2030, 1, 1)).sign(key, hashes.SHA256())]
    return keep


@skipping("contourpy")
def build_contourpy(n, rng):
    import contourpy
    import numpy as np
    heights = np.arange(600.0).reshape(20, 30) % 17
    return [contourpy.contour_generator(z=heights, name=name) for name in ("mpl2005", "mpl2014", "serial", "threaded")]


@skipping("greenlet")
def build_greenlet(n, rng):
    import greenlet
    main = greenlet.getcurrent()

    def waits(*what):
        here = {"in": what}
        main.switch(here)
    started = [greenlet.greenlet(waits) for _ in range(50)]
    return [[one.switch(i) for i, one in enumerate(started)], started, [greenlet.greenlet(waits) for _ in range(20)], main]


@skipping("multidict")
def build_multidict(n, rng):
    import multidict
    many = multidict.CIMultiDict(("Name-%d" % i, "value %d" % i) for i in range(n // 100))
    return [many, multidict.MultiDict(a=1, b=2), multidict.CIMultiDictProxy(many), multidict.istr("Text"), many.keys(), many.items(),
            iter(many.values())]


@skipping("rpds")
def build_rpds(n, rng):
    import rpds
    return [rpds.HashTrieMap({"k%d" % i: [i] for i in range(n // 100)}), rpds.List(range(100)), rpds.HashTrieSet("abc")]


@skipping("yaml")
def build_yaml(n, rng):
    import yaml
    text = "a: [1, 2, {b: c}]\nd: &x text\ne: *x\n"
    if not hasattr(yaml, "CSafeLoader"):
        raise ImportError("yaml without its C library")
    loader = yaml.CSafeLoader(text)
    return [loader, loader.get_single_node(), list(yaml.parse(text, Loader=yaml.CSafeLoader)), yaml.load(text, Loader=yaml.CSafeLoader)]
