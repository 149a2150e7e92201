"""An issue keeps papers and receipts as they were."""

from __future__ import annotations

import json

from newsletter.digest.snapshot import paper_from_json, paper_to_json, receipt_from_json, receipt_to_json
from newsletter.papers.model import PaperSeq
from tests.samples import LISTED, paper, receipt


def test_a_paper_comes_back_from_json_as_it_was() -> None:
    made = paper(7, withdrawn_at=LISTED, absorbed=(PaperSeq(9),))
    assert paper_from_json(json.loads(json.dumps(paper_to_json(made)))) == made


def test_a_receipt_comes_back_from_json_as_it_was() -> None:
    assert receipt_from_json(json.loads(json.dumps(receipt_to_json(receipt())))) == receipt()
