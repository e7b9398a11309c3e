"""The five scenarios that Keepstep exists for, through the HTTP API of a served instance."""

from tests.acceptance.story import Story, counted, exactly
from tests.factories import new_id

ON_VERSION_ONE = [{"version_number": 1, "runs": 1}]
RUN_COLUMNS = {"run_id", "status", "language", "respondent", "started_at", "completed_at", "updated_at", "version", "first_version"} | {
    "revision"
}


def test_a_deleting_a_question_shows_what_it_touches_and_keeps_run_123(story: Story) -> None:
    before, email = story.evidence(), story.id_of("email")
    url = f"/api/v1/option-sets/{email}"
    asked = story.client.delete(url, params={"dry_run": True})
    expected = exactly(
        runs={"completed": 1},
        answers=1,
        distinct_values=[{"value": "john@example.com", "count": 1}],
        by_version=ON_VERSION_ONE,
        by_option_set=[{"option_set_id": email, "answers": 1}],
    )
    assert (asked.status_code, counted(asked.json()["impact"])) == (200, expected)
    refused = story.write("DELETE", url)
    assert (refused.status_code, refused.json()["code"], counted(refused.json()["impact"])) == (409, "impact-unconfirmed", expected)
    assert story.get(f"{story.url}/draft")["revision"] == 1

    deleted = story.write("DELETE", url, params={"confirm": refused.json()["confirm"]})
    assert (deleted.status_code, counted(deleted.json()["impact"])) == (200, expected)
    changes = story.get(f"{story.url}/changes")["changes"]
    assert [(change["code"], change["class"], change["effective_class"]) for change in changes] == [("Q4", "lossy", "lossy")]
    assert counted(changes[0]["impact"]) == expected

    version = story.publish()
    assert [item["key"] for step in version["structure"]["steps"] for item in step["option_sets"]] == ["full-name", "favorite-color"]
    new_run = story.start(full_name="Ann", favorite_color="green").json()["id"]
    assert story.responses()["email"]["label"] == "Email"
    rows = {row["run_id"]: row for row in story.export()}
    assert {story.run: ("john@example.com", "answered"), new_run: ("", "not_in_version")} == {
        run: (row["email"], row["email.state"]) for run, row in rows.items()
    }
    assert (rows[story.run]["version"], rows[new_run]["version"]) == ("1", "2")
    story.require_intact(before)


def test_a_offers_retiring_instead_which_asks_nobody_anew_and_moves_nothing(story: Story) -> None:
    before, email = story.evidence(), story.id_of("email")
    retired = story.write("POST", f"/api/v1/option-sets/{email}/retire")
    assert (retired.status_code, retired.json()["retired"]) == (200, True)
    version = story.publish()
    assert [change["effective_class"] for change in version["changes"]] == ["safe"]
    new_run = story.start(full_name="Ann", favorite_color="green")
    assert new_run.status_code == 201, new_run.text
    states = {row["run_id"]: row["email.state"] for row in story.export()}
    assert states == {story.run: "answered", new_run.json()["id"]: "not_asked"}
    story.require_intact(before)


def test_b_deleting_a_step_is_one_change_with_counts_for_each_question(story: Story) -> None:
    before, step = story.evidence(), story.id_of("personal-info")
    url = f"/api/v1/steps/{step}"
    name, email = story.id_of("full-name"), story.id_of("email")
    expected = exactly(
        runs={"completed": 1},
        answers=2,
        by_version=ON_VERSION_ONE,
        by_option_set=[
            {"option_set_id": name, "answers": 1, "distinct_values": [{"value": "John Doe", "count": 1}], "more_distinct_values": 0},
            {
                "option_set_id": email,
                "answers": 1,
                "distinct_values": [{"value": "john@example.com", "count": 1}],
                "more_distinct_values": 0,
            },
        ],
    )
    report = story.client.delete(url, params={"dry_run": True}).json()
    assert [change["code"] for change in report["changes"]] == ["P4"]
    assert counted(report["impact"]) == counted(report["changes"][0]["impact"]) == expected
    deleted = story.write("DELETE", url, params={"confirm": report["confirm"]})
    assert (deleted.status_code, deleted.json()["deleted"]) == (200, True)

    version = story.publish()
    assert [change["code"] for change in version["changes"]] == ["P4"]
    row = story.exported()
    assert [row[key] for key in ("full-name", "email", "favorite-color")] == ["John Doe", "john@example.com", "blue"]
    assert [row[f"{key}.state"] for key in ("full-name", "email", "favorite-color")] == ["answered"] * 3
    story.require_intact(before)


def test_c_trash_is_counted_and_restored_and_even_removal_leaves_the_runs(story: Story) -> None:
    before = story.evidence()
    report = story.client.delete(story.url, params={"dry_run": True}).json()
    assert counted(report["impact"]) == exactly(runs={"completed": 1}, answers=3, by_version=ON_VERSION_ONE)
    assert story.client.delete(story.url).status_code == 409
    trashed = story.client.delete(story.url, params={"confirm": report["confirm"]})
    assert (trashed.status_code, trashed.json()["trashed_at"] is None) == (200, False)
    assert story.start(full_name="Late").status_code == 410
    assert story.evidence() == before

    assert story.client.post(f"{story.url}/restore").json()["trashed_at"] is None
    assert story.start(full_name="Ann", favorite_color="green").status_code == 201

    report = story.client.delete(story.url, params={"permanent": True, "dry_run": True}).json()
    assert (report["impact"]["runs"]["completed"], report["impact"]["answers"]) == (2, 5)
    removed = story.client.delete(story.url, params={"permanent": True, "confirm": report["confirm"]})
    assert (removed.status_code, removed.json()["removed_at"] is None, removed.json()["slug"]) == (200, False, None)
    assert story.client.get(story.url).json()["code"] == "wizard-removed"
    assert story.start(full_name="Late").status_code == 410
    shown = story.get(f"/api/v1/runs/{story.run}")["wizard"]
    assert shown == {"id": story.wizard, "slug": None, "name": "Customer Survey", "removed": True}
    assert [line["version_number"] for line in story.get(f"{story.url}/versions")["items"]] == [1]
    assert len(story.export()) == 2
    assert story.exported()["email"] == "john@example.com"
    story.require_intact(before)


def test_d_another_type_is_counted_value_by_value_and_the_run_stays_single(story: Story) -> None:
    before, color = story.evidence(), story.id_of("favorite-color")
    url = f"/api/v1/option-sets/{color}"
    expected = exactly(
        runs={"completed": 1},
        answers=1,
        distinct_values=[{"value": "blue", "count": 1, "becomes": ["blue"]}],
        by_version=ON_VERSION_ONE,
        by_option_set=[{"option_set_id": color, "answers": 1}],
    )
    report = story.client.put(url, json={"selection_type": "multiple_select"}, params={"dry_run": True}).json()
    assert [(change["code"], counted(change["impact"])) for change in report["changes"]] == [("Q10", expected)]
    changed = story.write("PUT", url, json={"selection_type": "multiple_select"}, params={"confirm": report["confirm"]})
    assert (changed.status_code, changed.json()["selection_type"]) == (200, "multiple_select")

    story.publish()
    new_run = story.start(full_name="Ann", favorite_color=["green", "blue"]).json()["id"]
    assert story.responses()["favorite-color"]["option_set_snapshot"]["selection_type"] == "single_select"
    assert story.responses(new_run)["favorite-color"]["response_value"] == {"value": ["blue", "green"]}
    assert {row["run_id"]: row["favorite-color"] for row in story.export()} == {story.run: "blue", new_run: "blue;green"}
    story.require_intact(before)


def test_d_the_run_read_through_the_new_version_is_converted_and_nothing_is_stored(story: Story) -> None:
    before, color = story.evidence(), story.id_of("favorite-color")
    report = story.client.put(f"/api/v1/option-sets/{color}", json={"selection_type": "multiple_select"}, params={"dry_run": True}).json()
    changed = {"selection_type": "multiple_select"}
    story.write("PUT", f"/api/v1/option-sets/{color}", json=changed, params={"confirm": report["confirm"]})
    story.publish()
    through = story.get(f"/api/v1/runs/{story.run}", through=2)
    found = {item["key"]: item for item in through["responses"]}
    assert (through["version"]["version_number"], through["through"]["version_number"]) == (1, 2)
    assert found["favorite-color"]["response_value"] == {"value": ["blue"]}
    assert found["favorite-color"]["original"]["response_value"] == {"value": "blue"}
    assert found["email"]["response_value"] == {"value": "john@example.com"}
    story.require_intact(before)


def test_e_a_new_required_question_leaves_the_old_run_complete_and_editable(story: Story) -> None:
    before, phone = story.evidence(), new_id()
    body = {"id": phone, "step_id": story.id_of("personal-info"), "name": "Phone Number", "selection_type": "phone", "is_required": True}
    added = story.write("POST", "/api/v1/option-sets", json=body)
    assert (added.status_code, added.json()["key"]) == (201, "phone-number")
    (change,) = story.get(f"{story.url}/changes")["changes"]
    assert (change["code"], change["effective_class"]) == ("Q2", "blocking")
    assert counted(change["impact"]) == exactly(runs={"completed": 1}, answers=0, by_version=ON_VERSION_ONE)

    version = story.publish()
    assert version["impact"]["runs"]["completed"] == 1
    assert [item["key"] for step in version["structure"]["steps"] for item in step["option_sets"]] == [
        "full-name",
        "email",
        "phone-number",
        "favorite-color",
    ]
    refused = story.start(full_name="Ann")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/answers/phone-number")
    new_run = story.start(full_name="Ann", phone_number="+4930123456").json()["id"]
    states = {row["run_id"]: (row["phone-number"], row["phone-number.state"]) for row in story.export()}
    assert states == {story.run: ("", "not_in_version"), new_run: ("+4930123456", "answered")}
    story.require_intact(before)


def test_all_five_on_one_wizard_and_a_rollback_keep_run_123(story: Story) -> None:
    before = story.evidence()
    for key, path in (("email", "option-sets"), ("personal-info", "steps")):
        url = f"/api/v1/{path}/{story.id_of(key)}"
        confirm = story.client.delete(url, params={"dry_run": True}).json()["confirm"]
        assert story.write("DELETE", url, params={"confirm": confirm}).status_code == 200
        story.publish()
    number = {"version_number": 1}
    report = story.client.post(f"{story.url}/rollback", json=number, params={"dry_run": True}).json()
    back = story.write("POST", f"{story.url}/rollback", json=number | {"confirm": report["confirm"]})
    assert (back.status_code, back.json()["version_number"], back.json()["rolled_back_to"]) == (201, 4, 1)
    first = story.get(f"{story.url}/versions/1")
    assert (back.json()["structure"], back.json()["digest"]) == (first["structure"], first["digest"])
    (row,) = story.export()
    questions = {name for name in row if name not in RUN_COLUMNS and not name.endswith(".state")}
    assert (questions, row["email"]) == ({"full-name", "email", "favorite-color"}, "john@example.com")
    story.require_intact(before)
