"""What people decide on the server: kept at once, undone, contradicted, and seen by everybody."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from lobate.inventory.decisions import read_decisions

from .client import COUNT, REMOVED, Client
from .region import LEFT, TOP, make_region, running

pytestmark = pytest.mark.xdist_group("review-server")


class TestDeciding:
    def test_what_is_decided_is_on_disk_when_the_answer_comes(self, own):
        client = Client(own.address)
        answer = client.decide("d00002", "accepted", attributes={"activity": "active"}, remark="<b>furrows</b>")
        own.kill()
        (row,) = read_decisions(own.folder / "resources/demo/decisions.gpkg").itertuples()
        assert (row.decision, row.status, row.activity, row.reviewer) == ("d00002", "accepted", "active", "Ada")
        assert row.remark == "<b>furrows</b>"
        assert (answer["item"]["status"], answer["waiting"], answer["conflict"]) == ("accepted", COUNT - 1, None)

    def test_after_a_kill_in_the_middle_nothing_is_lost(self, own):
        client = Client(own.address)
        said = {f"d{number:05d}": "rejected" if number % 3 else "accepted" for number in range(COUNT - 4)}
        for name, word in said.items():
            client.decide(name, word)
        own.kill()
        with running(own.folder, "--port", "0") as again:
            items = {one["id"]: one["status"] for one in Client(again.address).get("api/lists/detections")["items"]}
        assert items == {**dict.fromkeys((f"d{number:05d}" for number in range(COUNT)), "pending"), **said}

    def test_a_drawn_outline_a_split_and_a_rescue(self, own):
        client = Client(own.address)
        square = [
            [[[LEFT + 100, TOP - 100], [LEFT + 300, TOP - 100], [LEFT + 300, TOP - 300], [LEFT + 100, TOP - 300]]]
        ]
        drawn = client.decide(None, "edited", plane="plane1", outline=square)["item"]
        assert drawn["area_m2"] == pytest.approx(40_000, rel=0.002)
        assert drawn["drawn"]
        whole = client.get("api/item/detections/d00004")["outline"]
        west, _, east, _ = (one := client.get("api/item/detections/d00004"))["bounds"]
        y = one["centre"][1]
        halves = client.post(
            "api/edit", operation="split", plane="plane1", outline=whole, line=[[west - 50, y], [east + 50, y]]
        )
        assert len(halves["outlines"]) == 2
        split = client.decide("d00004", "edited", plane="plane1", outlines=halves["outlines"])
        assert [one["status"] for one in split["items"]] == ["edited", "edited"]
        assert sum(one["area_m2"] for one in split["items"]) == pytest.approx(one["area_m2"], rel=1e-4)
        rescued = client.post("api/decide", list="removed", id="x00001", base=0, status="accepted", reviewer="Ada")
        assert (rescued["item"]["status"], rescued["item"]["id"]) == ("accepted", "x00001")
        file = read_decisions(own.folder / "resources/demo/decisions.gpkg")
        assert sorted(file["status"]) == ["accepted", "edited", "edited", "edited"]
        undone = client.post("api/undo", reviewer="Ada")
        assert undone["item"]["status"] == "pending"
        undone = client.post("api/undo", reviewer="Ada")
        assert client.get("api/item/detections/d00004")["outline"] == whole
        assert len(read_decisions(own.folder / "resources/demo/decisions.gpkg")) == 1

    def test_merging_is_one_act(self, own):
        client = Client(own.address)
        outlines = [client.get(f"api/item/detections/d0000{n}")["outline"] for n in (0, 1)]
        merged = client.post("api/edit", operation="merge", plane="plane1", outlines=outlines)["outlines"][0]
        answer = client.decide("d00000", "edited", plane="plane1", outline=merged, merged=["d00001"])
        assert {one["id"]: one["status"] for one in answer["items"]} == {"d00000": "edited", "d00001": "rejected"}
        assert answer["waiting"] == COUNT - 2
        assert client.post("api/undo", reviewer="Ada")["waiting"] == COUNT

    def test_taking_back_and_undo_over_sessions(self, own):
        client = Client(own.address)
        version = client.decide("d00001", "accepted")["item"]["version"]
        client.decide("d00002", "rejected")
        assert client.decide("d00001", None, base=version)["item"]["status"] == "pending"
        own.kill()
        with running(own.folder, "--port", "0") as again:
            client = Client(again.address)
            assert client.post("api/undo", reviewer="Ada")["item"]["status"] == "accepted"
            assert [one["what"] for one in client.get("api/history")["entries"]][:2] == ["undo", "take back"]
            client.post("api/undo", reviewer="Ada")
            client.post("api/undo", reviewer="Ada")
            assert "nothing to undo" in client.post("api/undo", 409, reviewer="Ada")["error"]

    @pytest.mark.parametrize(
        "body",
        [
            {"status": "maybe"}, {"status": 3}, {"id": 3}, {"base": "1"}, {"attributes": {"activity": "lazy"}}, {"attributes": {"colour": "red"}},
            {"attributes": [1]}, {"remark": "x" * 20_000}, {"remark": "\0"}, {"reviewer": ["Ada"]}, {"more": 1}, {"outline": [[[[0, 0]]]], "plane": "plane1"},
            {"outline": "POLYGON", "plane": "plane1"}, {"outline": [[[[0, 0], [1, 1], [0, "x"]]]], "plane": "plane1"}, {"outlines": 3, "plane": "plane1"},
            {"outline": [[[[600100, 3989900], [600300, 3989700], [600300, 3989900], [600100, 3989700]]]], "plane": "plane1", "status": "edited"},
            {"outline": [[[[1e300, 1e300], [2e300, 1e300], [1e300, 2e300]]]], "plane": "plane1", "status": "edited"},
            {"id": None, "status": "edited"},
        ],
    )  # fmt: skip
    def test_what_cannot_stand_is_refused_in_words_and_nothing_is_kept(self, client, shared, body):
        said = {"list": "detections", "id": "d00001", "base": 0, "status": "accepted", "reviewer": "Ada", **body}
        assert client.post("api/decide", 400, **said)["error"].endswith((".", '"'))
        assert not (shared.folder / "resources/demo/decisions.gpkg").exists()

    @pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"list": NaN}', "[" * 100_000, '{"a"' * 10])
    def test_a_body_that_is_no_object_is_refused(self, client, text):
        own = {"Origin": f"http://127.0.0.1:{client.port}", "X-Lobate": "1", "Content-Type": "application/json"}
        answer = client.raw("POST", "/api/decide", text.encode(), **own)
        assert answer.status == 400, answer.body

    def test_export_and_import_are_a_round_trip(self, own, tmp_path):
        client = Client(own.address)
        client.decide("d00001", "accepted", attributes={"kinematics": "dm"})
        client.decide("d00002", "rejected", remark="a lake")
        content = client.raw("GET", "/api/export.geojson").body
        client.post("api/undo", reviewer="Ada")
        client.post("api/undo", reviewer="Ada")
        marks = {"Origin": f"http://127.0.0.1:{client.port}", "X-Lobate": "1", "Content-Type": "application/geo+json"}
        answer = client.raw("POST", "/api/import?reviewer=Ben", content, **marks)
        assert answer.status == 200, answer.body
        items = {one["id"]: one for one in json.loads(answer.body)["items"]}
        assert {name: one["status"] for name, one in items.items()} == {"d00001": "accepted", "d00002": "rejected"}
        assert (items["d00001"]["attributes"]["kinematics"], items["d00002"]["remark"]) == ("dm", "a lake")
        assert client.raw("GET", "/api/export.geojson").body == content
        assert client.post("api/undo", reviewer="Ben")["waiting"] == COUNT

    def test_decisions_of_another_file_are_shown_under_ones_own(self, tmp_path):
        make_region(tmp_path, COUNT, across=5, removed=REMOVED)
        with running(tmp_path, "--port", "0") as server:
            client = Client(server.address)
            client.decide("d00001", "rejected", "Ben", remark="of Ben")
            (tmp_path / "resources/ben.geojson").write_bytes(client.raw("GET", "/api/export.geojson").body)
        (tmp_path / "resources/demo/decisions.gpkg").unlink()
        text = (tmp_path / "config.yaml").read_text()
        both = "decisions: [resources/demo/decisions.gpkg, resources/ben.geojson]"
        (tmp_path / "config.yaml").write_text(text.replace("decisions: resources/demo/decisions.gpkg", both))
        with running(tmp_path, "--port", "0") as server:
            client = Client(server.address)
            item = client.get("api/item/detections/d00001")
            assert (item["status"], item["reviewer"], item["remark"]) == ("rejected", "Ben", "of Ben")
            version = client.decide("d00001", "accepted")["item"]["version"]
            assert client.decide("d00001", None, base=version)["item"]["status"] == "rejected"


class TestTogether:
    def test_two_browsers_see_what_the_other_decides(self, own):
        first, second = Client(own.address), Client(own.address)
        with second.listening() as events:
            assert next(events)["waiting"] == COUNT
            answer = first.decide("d00005", "rejected", "Ada")
            event = next(events)
        assert (event["changed"], event["by"], event["waiting"]) == (["d00005"], "Ada", COUNT - 1)
        assert event["version"] == answer["version"]
        assert second.get("api/item/detections/d00005")["status"] == "rejected"

    def test_a_contradiction_is_a_conflict_until_it_is_resolved(self, own):
        first, second = Client(own.address), Client(own.address)
        first.decide("d00005", "accepted", "Ada")
        answer = second.decide("d00005", "rejected", "Ben", base=0)
        assert answer["item"]["status"] == "pending"
        assert "Ada" in answer["conflict"]["words"]
        (item,) = first.get("api/lists/conflicts")["items"]
        said = first.get(f"api/item/conflicts/{item['id']}")["statements"]
        assert [(one["reviewer"], one["status"]) for one in said] == [("Ada", "accepted"), ("Ben", "rejected")]
        settled = first.post("api/resolve", id="d00005", choice=1, reviewer="Cy")
        assert settled["item"]["status"] == "rejected"
        assert first.get("api/lists/conflicts")["items"] == []

    def test_what_another_server_or_program_decides_comes_by_itself(self, own):
        client = Client(own.address)
        with running(own.folder, "--port", "0") as other, client.listening() as events:
            next(events)
            Client(other.address).decide("d00003", "accepted", "Ben")
            event = next(events)
        assert (event["changed"], event["by"]) == (["d00003"], "Ben")
        assert client.get("api/item/detections/d00003")["status"] == "accepted"

    def test_many_at_once_lose_nothing(self, own):
        clients = [Client(own.address) for _ in range(4)]
        names = [f"d{number:05d}" for number in range(COUNT)]
        with ThreadPoolExecutor(4) as threads:
            done = threads.map(lambda n: clients[n % 4].decide(names[n], "accepted", f"R{n % 4}"), range(COUNT))
            assert {one["item"]["status"] for one in done} == {"accepted"}
        file = read_decisions(own.folder / "resources/demo/decisions.gpkg")
        assert sorted(file["decision"]) == names
