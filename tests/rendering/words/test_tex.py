"""TeX in titles and abstracts: what readers see of it, and that no text can hurt."""

# ruff: noqa: RUF001 - quotation marks and mathematical signs are what this is about

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.rendering.words.tex import LONGEST, readable
from newsletter.rendering.words.tex_symbols import symbols
from newsletter.rendering.words.text import clean

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
#: What a text with TeX in it has: a command, a sign behind a backslash, or a formula.
TEX = re.compile(r"\\[A-Za-z]|\\[^\sA-Za-z]|\$[^$]+\$")
#: An amount of money, which keeps its dollar sign.
MONEY = re.compile(r"\$\d")
PIECES = [
    *("tau^2", "mathcal{", "tilde Theta", "\\'", '\\"', "\\n"),
    *(
        "{",
        "}",
        "$",
        "\\",
        "^",
        "_",
        "~",
        "`",
        "``",
        "''",
        "'",
        "--",
        "---",
        "[",
        "]",
        "(",
        ")",
        "&",
        "%",
        "<",
        "=",
        " ",
        "a",
        "7",
    ),
    *(
        "\\frac",
        "\\alpha",
        "\\left",
        "\\begin{x}",
        "\\end",
        "\\text",
        "\\href",
        "http://a",
        "\\(",
        "\\)",
        "\\[",
        "\\]",
        "\\hat",
        "\\not",
    ),
    *(
        "\\sqrt",
        "\\mathcal",
        "\\log",
        "\\textsuperscript",
        "\\unicode",
        "\\cite",
        "\\\\",
        "\\item",
        "\\underset",
        "\\footnote",
        "\\ours",
    ),
    *("times", "approx", "\x00", "\x01", "\x02", "\n", "\u2028", "\ud800", "\ufeff", "\u202e"),
]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"$O(n \log n)$ and $\mathcal{O}(n^2)$", "O(n log n) and 𝒪(n²)"),
        (r"$10^{-3}$, $10^-3$, $\ell_1$, $\text{F}_1$, H$_2$O, Ca$^{2+}$", "10⁻³, 10⁻³, ℓ₁, F₁, H₂O, Ca²⁺"),
        (r"72.3\% at $\sim$5$\times$", "72.3% at ∼5×"),
        (r"0$\leq$$b$$\leq$10 fm", "0≤b≤10 fm"),
        (r"$\alpha\leq\beta$, $x\in X$, $p<0.05$, $\geq 3$, $>$90", "α ≤ β, x ∈ X, p < 0.05, ≥3, >90"),
        (r"$x_{\max}$, $x_{max}y$, $x^{n-1}$, $x_{i,j}$, $E_{\rm lab}$", "x_max, x_max y, xⁿ⁻¹, x_(i,j), E_lab"),
        (r"$\frac{a}{b}$, $\frac{a+b}{2\sigma}$, $\frac12$, $n/\log n$", "a/b, (a+b)/(2σ), 1/2, n/log n"),
        (r"$\sqrt{n}$, $\sqrt{n+1}$, $\sqrt[3]{x}$, $\sum_{i=1}^n x_i$", "√n, √(n+1), ∛x, ∑ᵢ₌₁ⁿ xᵢ"),
        (r"$\mathbf{x}^\top \mathrm{y}$, $\mathbb{R}^d$, $A^T$, $f'(x)$, $x^*$", "xᵀy, ℝᵈ, Aᵀ, f′(x), x*"),
        (r"$\operatorname{argmax}_x f$, $\min_{x\in X} f$, $2\log^2 n$", "argmaxₓ f, min_(x∈X) f, 2 log² n"),
        (r"$\left(\frac{1}{n}\right)^2$, $\|x\|_2$, $\{1, \dots, n\}$", "(1/n)², ‖x‖₂, {1, …, n}"),
        (r"\(TPP\), \[z\], $$x=1$$, \begin{equation} E = mc^2 \end{equation}", "TPP, z, x = 1, E = mc²"),
        (r"$\widetilde{\mathcal O}(n)$, $\hat{x}$, $\bar x$, $a \not\in B$", "Õ(n), x̂, x̄, a ∉ B"),
        (r"90$^\circ$, $45^{\circ}$C, 360{\deg}", "90°, 45°C, 360°"),
        (r"$f=\begin{cases} 1 & x>0 \\ 0 & \text{otherwise}\end{cases}$", "f = 1, x > 0; 0, otherwise"),
        (r"$\lfloor x \rfloor$, \verb|a_b|, $p(A\mid B)$, $\binom{n}{k}$", "⌊x⌋, a_b, p(A ∣ B), (n choose k)"),
        (r"1^{+1.39}_{-0.59} and 84.7% {+/-} 0.6", "1 (+1.39/-0.59) and 84.7% ± 0.6"),
    ],
)
def test_a_formula_becomes_a_line_of_text(source: str, expected: str) -> None:
    assert readable(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"caf\'e na\"{\i}ve Schr\"odinger \v{S} \c{c}a S\o ren Erd\H{o}s", "café naïve Schrödinger Š ça Søren Erdős"),
        (r"\emph{very} \textbf{bold} {\em news} {\it torch.matmul}'s", "very bold news torch.matmul's"),
        (r"prior work~\cite{a,b} shows \citep[p.~3]{c}.", "prior work shows."),
        (
            r"see \href{https://example.org/a_b}{our site} and \url{https://example.org/a_b}",
            "see our site and https://example.org/a_b",
        ),
        ("code at https://example.org/a_b{here}.", "code at here."),
        ("“said” ``quoted'' and `single' with `code`", "“said” “quoted” and ‘single’ with `code`"),
        ("1000--5000, agents -- systems, one---two, run --help", "1000–5000, agents – systems, one—two, run --help"),
        ("Table~1, (1)~first, ~5% of 10~20, x~$y$", "Table 1, (1) first, ~5% of 10~20, x y"),
        (r"5\,GeV, vs.\ 9, a\\b, \~8B", "5 GeV, vs. 9, a b, ~8B"),
        (r"10\textsuperscript{th} E\textsuperscript{2}R", "10ᵗʰ E²R"),
        (r"\begin{itemize}\item a \item b\end{itemize}", "• a • b"),
        (
            r"we propose \method, (\ours). \ours wins, the \method too, \eg this",
            "we propose our method, (our method). Our method wins, the method too, e.g. this",
        ),
        (r"\mineru and \badge{Gold}{9}", "mineru and Gold 9"),
        (r"R\&D, \#1, \_x, 1{,}879, {GPT}-4, symmet{R}y", "R&D, #1, _x, 1,879, GPT-4, symmetRy"),
        (r"done\footnote{See there.} now \unicode{x2013} \textcolor{red}{then}", "done (See there.) now – then"),
    ],
)
def test_text_set_in_tex_reads_as_text(source: str, expected: str) -> None:
    assert readable(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "costs $5 to $10 per run",
        "US$44 and US$55, under $1,000 USD",
        "$10 million to $20 million",
        "50% of $HOME, 100 % sure",
        "a Z_T = {-1,0,1} of {name} in down_proj, Q4_0, my_var_2, https://example.org/~a/b_c",
        'a < b > c & d "e" <script>alert(1)</script> {"key": 1}',
        "^_^ and x ^ y, a|b, 1{2}",
    ],
)
def test_what_only_looks_like_tex_stays(source: str) -> None:
    assert readable(source) == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from $5 for $x^2$ and $k$-means", "from $5 for x² and k-means"),
        (r"\$5 and \22K, \3) three", "$5 and $22K, 3) three"),
        (
            "2.5times faster, 256{times}256 at approx20%, {sim}750 of mathcal{O}(d^k)",
            "2.5× faster, 256×256 at ≈20%, ∼750 of 𝒪(dᵏ)",
        ),
        (
            "A^2Search, R^d, τ^2-Bench, GD^2PO, (v_i = h_{i+1} - Z_2), π_0",
            "A²Search, Rᵈ, τ²-Bench, GD²PO, (vᵢ = hᵢ₊₁ - Z₂), π₀",
        ),
        ("tau^2-Bench, pi_0, pi_0.5, chi^2, a leq 5, mathcal W_{ij}, sum_k w_k", "τ²-Bench, π₀, π_0.5, χ², a ≤ 5, 𝒲ᵢⱼ, ∑ₖ wₖ"),
        (r"it\'s \"attention\" we don\'t need\nWe show $x$", "it's \"attention\" we don't need We show x"),
        (r"cut off in $\alpha", "cut off in α"),
        (r"cut off in \href{https://example.org{a}, and on it goes", "cut off in a, and on it goes"),
        (r"cut off in a \footnote{which says", "cut off in a which says"),
    ],
)
def test_what_sources_have_damaged_is_mended(source: str, expected: str) -> None:
    assert readable(source) == expected


def test_every_symbol_prints_and_is_no_command() -> None:
    assert len(symbols()) > 800
    for name, symbol in symbols().items():
        assert symbol.isprintable()
        assert symbol.strip() == symbol != ""
        assert not re.search(r"\\[a-z]", symbol), name


@given(
    st.text(st.characters(exclude_characters="\\$^_{~`-", exclude_categories=["Cs"])).filter(lambda text: "times" not in text)
)
def test_text_without_tex_is_untouched(text: str) -> None:
    assert readable(text) is text


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text(st.characters()))
def test_any_text_gives_one_line_without_controls(text: str) -> None:
    result = readable(clean(text))
    assert not CONTROL.search(result)
    assert result == clean(result)
    assert len(result) <= 3 * len(text) + 20


@pytest.mark.parametrize("piece", [*PIECES, "\\frac{", "$\\left({a^{b_", "x^{", "$a ", "\\hat{\\text{$"])
@pytest.mark.parametrize("length", [LONGEST - 1, 1_000_000])
def test_hostile_text_takes_linear_time(piece: str, length: int) -> None:
    text = piece * (length // len(piece) // 2)
    started = time.process_time()
    readable(text)
    readable(text + "}" * (length // 2))
    readable("{" * 10_000 + piece + "}" * 10_000)
    assert time.process_time() - started < 1.5  # some 0.1 s; quadratic time would be many


@pytest.mark.shared_data
def test_every_recorded_title_and_abstract_reads_without_tex(shared_data: Path) -> None:
    texts = {clean(text) for text in recorded(shared_data)}
    with_tex = [text for text in texts if TEX.search(text)]
    assert len(with_tex) > 300
    assert not any(CONTROL.search(readable(text)) for text in texts)
    strictly = [result for text in with_tex if re.search(r"[\\$]", result := readable(text))]
    left = [result for result in strictly if re.search(r"[\\$]", MONEY.sub("", result))]
    print(
        f"{len(texts)} texts, {len(with_tex)} with TeX: {1 - len(strictly) / len(with_tex):.1%} without backslash or dollar,"
        f" {1 - len(left) / len(with_tex):.1%} when amounts of money may keep theirs"
    )
    assert len(strictly) <= 0.05 * len(with_tex)
    assert len(left) <= 0.02 * len(with_tex)


def recorded(shared_data: Path) -> Iterator[str]:
    """Every title, abstract and summary of the recorded answers."""
    for folder in ("daily_papers", "daily_papers_full", "arxiv", "sources", "seed_pages"):
        for path in (shared_data / folder).glob("*.json"):
            yield from texts_of(json.loads(path.read_text(encoding="utf-8")))
        for path in (shared_data / folder).glob("*.xml"):
            for element in ET.fromstring(path.read_bytes()).iter():  # noqa: S314 - recorded data of our own
                if element.tag.rpartition("}")[2] in {"title", "summary", "abstract", "description"}:
                    yield element.text or ""


def texts_of(value: object) -> Iterator[str]:
    """Every title, abstract and summary in a JSON value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"title", "summary", "abstract", "ai_summary", "description", "display_name"}:
                yield from (text for text in (inner if isinstance(inner, list) else [inner]) if isinstance(text, str))
            if isinstance(inner, dict | list):
                yield from texts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_of(inner)
