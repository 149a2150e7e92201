"""What is held about a person, as plain JSON values."""

from __future__ import annotations

import json
from datetime import timedelta

from newsletter.clock import ManualClock
from newsletter.database import Database
from subscribers.address import parse_address
from subscribers.holdings import holdings_as_json
from subscribers.links import Links
from subscribers.model import Cadence, Choices, ConsentMethod, Interests, SuppressionReason, Taste
from subscribers.service import SubscriberService
from subscribers.wishes import Asked, ChangeStore, WishStore

NOW, LATER = "2026-08-17T06:00:00+00:00", "2026-08-18T06:00:00+00:00"


def test_everything_is_said_in_plain_values(
    service: SubscriberService, database: Database, clock: ManualClock, links: Links
) -> None:
    likes = Choices(Cadence.WEEKLY, 7, "Europe/Berlin", Interests(keywords=("agents",)), 5, (("company", "Example"),))
    ann = service.add("ann@example.org", "papers", likes, method=ConsentMethod.WEB, wording="Yes", detail="form").subscriber
    service.pause(ann.id, "papers", until=clock.now() + timedelta(days=1))
    links.say(ann.id, 9, Taste.LESS)
    service.suppress("ann@example.org", SuppressionReason.BOUNCED, detail="550")
    with database.write() as session:
        WishStore(session).ask(ann.id, "other", Asked(likes, ConsentMethod.WEB, "Yes", ""), now=clock.now())
        ChangeStore(session).ask(ann.id, parse_address("ann@example.net"), now=clock.now())
    held = service.held(ann.id)
    found = holdings_as_json(held, issues=[{"number": 3}])
    assert json.loads(json.dumps(found)) == found
    subscriptions = found.pop("subscriptions")
    assert isinstance(subscriptions, list)
    (subscription,) = subscriptions
    assert subscription["newsletter"] == "papers"
    assert subscription["cadence"] == "weekly"
    assert subscription["interests"] == {"keywords": ["agents"]}
    assert subscription["fields"] == {"company": "Example"}
    assert subscription["paused_until"] == LATER
    assert found == {
        "id": ann.id,
        "address": "ann@example.org",
        "state": "active",
        "created_at": NOW,
        "changed_at": NOW,
        "consents": [
            {
                "subscriber_id": ann.id,
                "newsletter": "papers",
                "event": "confirmed",
                "method": "web",
                "wording": "Yes",
                "detail": "form",
                "at": NOW,
            }
        ],
        "suppression": {
            "address_hash": held.suppression and held.suppression.address_hash,
            "reason": "bounced",
            "detail": "550",
            "at": NOW,
        },
        "wishes": [
            {
                "newsletter": "other",
                "choices": {
                    "cadence": "weekly",
                    "local_hour": 7,
                    "zone": "Europe/Berlin",
                    "interests": {"keywords": ["agents"]},
                    "size": 5,
                    "fields": {"company": "Example"},
                },
                "asked_at": NOW,
                "confirmed_at": None,
            }
        ],
        "address_change": {"address": "ann@example.net", "asked_at": NOW},
        "opinions": [{"paper_seq": 9, "taste": "less", "at": NOW}],
        "issues": [{"number": 3}],
    }


def test_of_whom_little_is_known_little_is_said(service: SubscriberService) -> None:
    number = service.add("ann@example.org", "papers", Choices(), method=ConsentMethod.WEB, wording="Yes").subscriber.id
    service.erase(number)
    found = holdings_as_json(service.held(number))
    assert (found["state"], found["subscriptions"], found["suppression"], found["address_change"]) == ("erased", [], None, None)
    assert str(found["address"]).startswith("erased:")
