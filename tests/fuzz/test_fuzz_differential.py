"""Where somebody else reads the same thing, both say the same."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grader.answers.formulas import UnreadableFormula, equal, parse
from grader.domain.assignment import Limits
from grader.engine.wire.values import TensorData, decode, encode
from grader.intake.archive import list_upload

BOUNDED = settings(settings.get_profile("bounded"))
_NAMES = st.from_regex(r"([a-z0-9_ö-]{1,8}/){0,2}[A-Za-z0-9_äé-]{1,8}\.(py|ipynb|pdf)", fullmatch=True)


@BOUNDED
@given(
    st.dictionaries(_NAMES, st.binary(max_size=2000), min_size=1, max_size=6),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.binary(max_size=20),
    st.booleans(),
)
def test_an_honest_archive_is_listed_as_zipfile_lists_it(files, method, comment, streamed):
    folded = [name.casefold() for name in files]
    # A comment that looks like the end of an archive makes a file that nobody reads.
    assume(len(set(folded)) == len(folded) and b"PK" not in comment)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream if not streamed else _Unseekable(stream), "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            archive.writestr(name, content)
    listing = list_upload("work.zip", stream.getvalue(), Limits())
    with zipfile.ZipFile(stream) as second:
        there = [(one.filename, one.file_size, one.compress_size) for one in second.infolist()]
    assert [(one.path, one.size, one.compressed) for one in listing.entries] == there


class _Unseekable(io.RawIOBase):
    """As a pipe: the sizes come after the bytes."""

    def __init__(self, inner: io.BytesIO) -> None:
        self._inner = inner

    def writable(self):
        return True

    def write(self, content):
        return self._inner.write(content)


_TERMS = st.recursive(
    st.sampled_from(["NF", "NC", "K", "H", "W"]) | st.integers(0, 40).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " - ", " * "]), inner).map(lambda three: f"({''.join(three)})"),
        st.tuples(inner, st.integers(0, 3)).map(lambda two: f"({two[0]})^{two[1]}"),
        st.tuples(inner, st.integers(1, 9)).map(lambda two: f"({two[0]})/{two[1]}"),
    ),
    max_leaves=7,
)  # fmt: skip


@pytest.fixture(scope="module")
def sympy():
    return pytest.importorskip("sympy")


@BOUNDED
@given(_TERMS, _TERMS, st.booleans())
def test_formulas_are_equal_exactly_where_sympy_says_so(sympy, first, second, alike):
    other = f"({first}) + ({second}) - ({second})" if alike else second
    try:
        ours = parse(first), parse(other)
    except UnreadableFormula as error:
        assume("larger than" not in str(error))
        raise
    symbols = {name: sympy.Symbol(name) for name in ("NF", "NC", "K", "H", "W")}
    theirs = [
        sympy.expand(sympy.sympify(text.replace("^", "**"), locals=symbols, rational=True)) for text in (first, other)
    ]
    assert equal(*ours) == (sympy.expand(theirs[0] - theirs[1]) == 0)
    assert not alike or equal(*ours)
    read_again = sympy.sympify(str(ours[0]).replace("·", "*").replace("^", "**"), locals=symbols, rational=True)
    assert sympy.expand(read_again - theirs[0]) == 0


@BOUNDED
@given(st.data())
def test_a_tensor_is_on_the_other_side_what_numpy_has_here(data):
    np = pytest.importorskip("numpy")
    from grader.engine.wire.tensors import from_data

    kind = data.draw(
        st.sampled_from(
            [
                "bool",
                "uint8",
                "int8",
                "int16",
                "int32",
                "int64",
                "float16",
                "float32",
                "float64",
                "complex64",
                "complex128",
            ]
        )
    )
    shape = tuple(data.draw(st.lists(st.integers(0, 4), max_size=4)))
    count = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = bytes(byte & 1 if kind == "bool" else byte for byte in data.draw(st.binary(min_size=count, max_size=count)))
    array = np.frombuffer(raw, dtype=kind).reshape(shape)
    if data.draw(st.booleans()) and array.ndim:
        # Strides that run backwards are gone when it arrives.
        array = np.flip(array, axis=data.draw(st.integers(0, array.ndim - 1)))
    header, buffers = encode(TensorData(kind, shape, array.tobytes(), "array"))
    there = from_data(decode(header, b"".join(buffers))).numpy()
    assert there.dtype == array.dtype
    assert there.shape == array.shape
    assert there.tobytes() == array.tobytes()
