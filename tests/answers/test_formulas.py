from __future__ import annotations

import contextlib
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.answers.formulas import MAX_CHARACTERS, Polynomial, UnreadableFormula, equal, parse
from grader.answers.spelling import SPELLINGS

SAME = {
    "9*NF*NIC + 18*NF^2": [
        "9NF NIC + 18NF^2", "9*nf*nic+18*nf**2", "9·NIC·NF + 18·NF²", "9 × NIC × NF + 2 x 9 x NF x NF",
        "$9 \\cdot N_{IC} \\cdot N_{F} + 18 N_F^{2}$", "9 \\times \\text{NF}\\,\\mathrm{NIC} + 18\\text{NF}^2",
        "weights = 9 NF (NIC + 2 NF)", "9nfnic+18nf^2", "9 num_filters num_in_channels + 18 filters²",
        "\\left(9 NIC + 18 NF\\right) NF", "9[NF][NIC + 2{NF}]", "9 NF NIC + \\frac{36}{2} NF^2",
        "18NF^2 + 9NF NIC.", "W(NF, NIC) = 9 NF NIC + 18 NF^2 = 9 NF (NIC + 2NF)", "9𝑁𝐹·𝑁𝐼𝐶 + 18𝑁𝐹²",
        "(3^2)NF NIC + 1.8e1 NF^2", "-(-9NF NIC - 18NF^2)", "9NF NIC − (−18)NF^2",
    ],
    "12345678*K": ["12,345,678 k", "12_345_678 kernel_size", "12{,}345{,}678K", "kernel * 12345678"],
    "H*W*NC/4": ["1/4 HWNC", "H*W*NC / 4", "0.25 height width num_colours", ".25hwnum_colors", "HW\\div 4 * NC"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "spelling"), [(formula, other) for formula, many in SAME.items() for other in many]
)
def test_spellings_of_one_formula_are_equal(formula, spelling):
    assert equal(parse(formula), parse(spelling))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("NF^2", "2NF"),
        ("NF", "NC"),
        ("9NF", "9NF + 1"),
        ("NF(NC+1)", "NF NC + 1"),
        ("-NF^2", "(-NF)^2"),
        ("NF/2NC", "NF/(2) + NC"),
    ],
)
def test_different_formulas_differ(first, second):
    assert not equal(parse(first), parse(second))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"), ("   ", "it is empty"), ("9 *", "it ends where"), ("9 + * NF", "'*' at character 5"),
        ("9 foo", "'foo' at character 3 is not known; use H, K, NC, NF, NIC, W"), ("NF2", "missing before 2 at character 3; write ^2"),
        ("2 3", "missing before 3 at character 3"), ("(NF", "bracket at character 1 is not closed"), ("NF)", "')' at character 3"),
        ("(NF]", "bracket at character 1"), ("NF^NC", "exponent at character 4"), ("NF^0.5", "exponent at character 4"),
        ("NF^-1", "exponent at character 4"), ("1/NF", "not by a number"), ("NF/0", "not by a number"), ("1,5 NF", "character 2 (',')"),
        ("a = NF = NC", "not equal"), ("NF %", "character 4 ('%')"), ("x" * 700, "longer than 600"), ("NF^13", "larger than any"),
        ("(NF+NC+NIC+K+H+W)^12", "larger than any"), ("1e99", "too long"), ("9" * 41, "too long"), ("((((" * 20, "nested more"),
        ("__import__('os')", "no meaning"), ("\\frac NF", "\\frac needs two brackets"), ("NF^(2", "not closed"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_explained_with_its_place(text, words):
    with pytest.raises(UnreadableFormula) as told:
        parse(text)
    assert words in str(told.value)


def test_further_spellings_of_a_spec_are_known():
    assert parse("3F + D", {"NF": ("F",), "D": ()}) == parse("3 NF") + Polynomial.variable("D")


names = st.sampled_from(sorted(SPELLINGS))
monomials = st.dictionaries(names, st.integers(1, 3), max_size=3).map(lambda found: tuple(sorted(found.items())))
coefficients = st.builds(Fraction, st.integers(-500, 500).filter(bool), st.sampled_from([1, 1, 1, 2, 4, 5]))
polynomials = st.dictionaries(monomials, coefficients, max_size=6).map(Polynomial)


def spelled(draw, polynomial):
    """One of the many ways to write a polynomial."""
    terms = draw(st.permutations(list(polynomial.terms.items())))
    words = []
    for monomial, coefficient in terms:
        factors = []
        for name, exponent in draw(st.permutations(monomial)):
            spelling = draw(st.sampled_from([name, name.lower(), *SPELLINGS[name], f"\\text{{{name}}}"]))
            raised = [f"^{exponent}", f"**{exponent}", f"^{{{exponent}}}", "⁰¹²³"[exponent], f"^({exponent})"]
            factors.append(spelling + ("" if exponent == 1 and draw(st.booleans()) else draw(st.sampled_from(raised))))
        number = f"{abs(coefficient.numerator)}"
        if coefficient.denominator != 1:
            number = draw(
                st.sampled_from(
                    [f"{number}/{coefficient.denominator}", f"\\frac{{{number}}}{{{coefficient.denominator}}}"]
                )
            )
        times = draw(st.sampled_from([" * ", "*", " ", "·", " × ", "\\cdot "]))
        words.append((" - " if coefficient < 0 else " + ") + times.join([number, *factors]))
    text = "".join(words) or "0"
    return draw(st.sampled_from(["", "count = "])) + (f"({text})" if draw(st.booleans()) else text)


@given(st.data(), polynomials)
@settings(deadline=None, max_examples=150)
def test_a_polynomial_is_read_back_from_any_spelling(data, polynomial):
    assert equal(parse(spelled(data.draw, polynomial)), polynomial)


@given(polynomials)
@settings(deadline=None)
def test_what_we_print_we_can_read(polynomial):
    assert equal(parse(str(polynomial)), polynomial)


@given(polynomials, polynomials, polynomials)
@settings(deadline=None, max_examples=60)
def test_polynomials_form_a_ring(a, b, c):
    assert a * (b + c) == a * b + a * c
    assert (a * b == b * a) and (a + b == b + a)
    assert (a + -a).terms == {}


@given(polynomials, polynomials, st.data())
@settings(deadline=None, max_examples=80)
def test_polynomials_that_differ_are_told_apart(a, b, data):
    same = equal(parse(spelled(data.draw, a)), parse(spelled(data.draw, b)))
    assert same == (a.terms == b.terms)


@given(
    st.text(alphabet=st.sampled_from("NFCKHWx0123456789+-*/^(){}[]= ._\\²·e,frac"), max_size=MAX_CHARACTERS)
    | st.text(max_size=80)
)
@settings(deadline=None, max_examples=400)
def test_any_text_is_read_or_explained_and_never_slow(text):
    began = time.process_time()
    with contextlib.suppress(UnreadableFormula):
        parse(text)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    "text", ["k" * 600, "(NF+NC)" * 85, "+".join(["(NF+1)^12"] * 60), "9" * 40 + "^12" * 50, "-" * 600, "9^12" * 40]
)
def test_hostile_formulas_cost_little(text):
    began = time.process_time()
    with pytest.raises(UnreadableFormula):
        parse(text + "%" if text.startswith("+") else text + " q")
    assert time.process_time() - began < 0.5
