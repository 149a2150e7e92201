r"""What TeX's commands stand for in plain text: symbols, accents, alphabets, raised and lowered characters.

The symbols are pylatexenc's, with our own where a letter that every mail program has says the same (``\phi`` is φ).
"""
# ruff: noqa: RUF001 - these characters are what the tables are about

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from pylatexenc.latex2text import get_default_latex_context_db
from pylatexenc.latexencode import get_builtin_uni2latex_dict


def names(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


def pairs(text: str) -> dict[str, str]:
    """Return the words of ``text`` as a table: name, value, name, value."""
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


SUPERSCRIPTS = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδφχθ⊤",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᵠᵡᶿᵀ",
        strict=True,
    )
)
SUBSCRIPTS = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
#: What stands raised by itself.
RAISED = dict(zip("∘∗*⋆†‡°′″‴", "°***†‡°′″‴", strict=True))

#: Printed as words, with a blank before what follows.
FUNCTIONS = names("""
    arccos arcsin arctan arg argmax argmin cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log
    max min Pr sec sin sinh sup tan tanh""")
RELATIONS = frozenset("=≠≤≥≈≡≅≃∼≪≫∝∈∉∋⊂⊃⊆⊇⊊⊑≺≻≼≽→←↔⇒⇐⇔↦⟶⟵⟹⟸⟺⟷⟼≜≲≳⊥∥⊢⊨↛∣≔<>")
BINARY = frozenset("×·∘*±∓∪∩⊗⊕⊙∧∨∖÷⋆⊔⊎⋊⋉")
_ACCENTS = pairs("""
    ' 301 ` 300 ^ 302 " 308 ~ 303 = 304 . 307 u 306 v 30c H 30b c 327 k 328 r 30a d 323 b 331 hat 302 widehat 302
    tilde 303 widetilde 303 bar 304 overline 304 dot 307 ddot 308 vec 20d7 acute 301 grave 300 check 30c breve 306
    mathring 30a not 338""")
#: Commands that put a mark on one letter, as combining characters.
ACCENTS = {name: chr(int(code, 16)) for name, code in _ACCENTS.items()}
#: Commands whose letters every client shows; bold, italic and sans letters of mathematics are left plain.
ALPHABETS = pairs("""
    mathcal script mathscr script cal script mathfrak fraktur mathbb doublestruck Bbb doublestruck mathds
    doublestruck""")
#: What sources that print braces but no backslash call symbols: {approx}, {beta}.
NAMED = pairs("""
    alpha α beta β gamma γ delta δ epsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ
    sigma σ tau τ upsilon υ phi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ
    Omega Ω approx ≈ sim ∼ times × pm ± ge ≥ geq ≥ le ≤ leq ≤ neq ≠ cdot · infty ∞ micro µ degree ° degrees °""")
_OWN = pairs(r"""
    epsilon ε phi φ vartheta θ leqslant ≤ geqslant ≥ ne ≠ iff ⇔ implies ⇒ gets ← longrightarrow → longleftarrow ←
    Longrightarrow ⇒ Longleftrightarrow ⇔ longmapsto ↦ land ∧ lor ∨ neg ¬ lt < gt > textless < textgreater > textbar
    | ast * bullet • colon : degree ° prime ′ triangle △ slash / mid ∣ langle ⟨ rangle ⟩ | ‖ lbrack [ rbrack ]
    coloneqq ≔ defeq ≔ textasciicircum ^ textunderscore _ textbraceleft { textbraceright } P ¶ S § owns ∋ copyright
    © pounds £ euro € checkmark ✓ cmark ✓ xmark ✗ qed ∎ TeX TeX LaTeX LaTeX textquotedbl " textperiodcentered · upmu
    μ micro µ textmu µ infinity ∞ varGamma Γ varDelta Δ varTheta Θ varSigma Σ varPhi Φ varOmega Ω blacksquare ■ eg
    e.g. ie i.e. Eg E.g. Ie I.e. etc etc. wrt w.r.t. vs vs. cf cf. aka a.k.a. iid i.i.d. % % # # & & $ $ _ _ Re Re
    Im Im sqcup ⊔ models ⊨ vDash ⊨ top ⊤ bot ⊥ llbracket ⟦ rrbracket ⟧ lvert | rvert | cdotp · centerdot ·
    dashrightarrow ⇢ leadsto ⇝""")
#: The library's text for these is not theirs, or papers call their own things so.
_REFUSED = names("""
    today id Ident aries gemini leo cancer image original mercury pluto neptune virgo libra saturn jupiter venus th""")


@lru_cache(1)
def symbols() -> Mapping[str, str]:
    """Return what commands without an argument stand for, by name; every text prints, and starts and ends without a blank."""
    found: dict[str, str] = {}
    # The smallest code point is the common one where several share a name.
    for code, source in sorted(get_builtin_uni2latex_dict().items(), reverse=True):
        if match := re.fullmatch(r"(?:\\ensuremath\{)?\\([A-Za-z]+)\}?", source):
            found[match[1]] = chr(code)
    for spec in get_default_latex_context_db().iter_macro_specs():
        if isinstance(spec.simplify_repl, str) and "%" not in spec.simplify_repl:
            found[spec.macroname] = spec.simplify_repl
    found |= {name: name for name in FUNCTIONS}
    found |= {"liminf": "lim inf", "limsup": "lim sup", "etal": "et al."} | _OWN
    return MappingProxyType(
        {
            name: text
            for name, text in found.items()
            if name not in _REFUSED and text.strip() == text != "" and text.isprintable()
        }
    )
