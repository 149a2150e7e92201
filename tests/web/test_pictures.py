from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter.clock import ManualClock
from newsletter.database import Database
from newsletter.pictures.making import make_logo, make_pictures
from newsletter.pictures.shelf import PictureShelf
from newsletter.pictures.store import PictureStore
from tests.pictures.samples import plain
from tests.web.house import House, house

PHOTO, LOGO = make_pictures(plain()).large, make_logo(plain(300, 80))
NAME = PHOTO.picture.name


@pytest.fixture
def home(database: Database, clock: ManualClock) -> Iterator[House]:
    with database.write() as session:
        PictureStore(session).put(PHOTO, now=clock.now())
        PictureStore(session).put(LOGO, now=clock.now(), is_logo=True)
    with house(database, clock, pictures=PictureShelf(database, clock, max_bytes=1000)) as made:
        yield made


def test_a_picture_is_served_to_be_kept_for_ever(home: House) -> None:
    for made, kind in ((PHOTO, "image/jpeg"), (LOGO, "image/png")):
        answer = home.client.get(f"/pictures/{made.picture.file_name}")
        assert (answer.status_code, answer.content) == (200, made.content)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-length"] == str(len(made.content))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["etag"] == f'"{made.picture.name}"'


def test_a_picture_can_do_nothing_but_be_shown_and_tells_nothing_of_who_looks(home: House) -> None:
    headers = home.client.get(f"/pictures/{NAME}.jpg").headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert not {"set-cookie", "access-control-allow-origin"} & headers.keys()


def test_what_asks_for_the_head_gets_the_head(home: House) -> None:
    head, whole = home.client.head(f"/pictures/{NAME}.jpg"), home.client.get(f"/pictures/{NAME}.jpg")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**whole.headers, "date": ""}


def test_who_has_it_is_told_so(home: House) -> None:
    again = home.client.get(f"/pictures/{NAME}.jpg", headers={"if-none-match": f'"{NAME}"'})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        f"{NAME}.png",
        f"{NAME}.jpeg",
        f"{NAME}",
        f"{NAME}.jpg.jpg",
        f"{NAME[:-1]}.jpg",
        f"{NAME}x.jpg",
        f"{NAME}%0A.jpg",
        f"{NAME}.jpg%00",
        f"{LOGO.picture.name}.jpg",
        "x" * 32 + ".jpg",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/static/site.css",
        "'; DROP TABLE picture; --.jpg",
        "",
    ],
)
def test_a_name_that_is_not_exactly_one_is_nothing(home: House, path: str) -> None:
    answer = home.client.get(f"/pictures/{path}")
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
    assert "immutable" not in answer.headers["cache-control"]


def test_pictures_are_looked_at_and_nothing_else(home: House) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert home.client.request(method, f"/pictures/{NAME}.jpg").status_code == 405


def test_without_pictures_there_are_none(database: Database, clock: ManualClock, tmp_path: Path) -> None:
    with house(database, clock) as bare:
        assert bare.client.get(f"/pictures/{NAME}.jpg").status_code == 404
