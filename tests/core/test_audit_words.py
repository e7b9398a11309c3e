import pytest

from keepstep.core.audit_words import SUBJECTS, deed_of, known_actions


@pytest.mark.parametrize(
    ("action", "details", "sentence"),
    [
        ("draft.edited", {"name": "Retire option “Red”", "revision": 4}, "Retire option “Red”."),
        ("wizard.published", {"version_number": 1, "changes": 0, "rolled_back_to": None}, "Published version 1."),
        ("wizard.published", {"version_number": 2, "changes": 1, "rolled_back_to": None}, "Published version 2 with 1 change."),
        (
            "wizard.published",
            {"version_number": 8, "changes": 3, "rolled_back_to": 5},
            "Rolled back: published version 8 with the structure of version 5.",
        ),
        ("wizard.trashed", {"runs": 1234}, "Moved the wizard to the trash; 1,234 runs stay readable."),
        ("wizard.changed", {"slug": "new-name"}, "Changed the address to new-name."),
        ("wizard.changed", {"settings": {"abandon_after": None}}, "Changed the settings (abandon_after = the default)."),
        ("wizard.changed", {"settings": {"abandon_after": 3, "access": {"link": "secret"}}}, "Changed the settings (abandon_after = 3)."),
        ("wizard.view_saved", {"name": "Ann’s runs"}, "Saved a view of the runs."),
        ("run.erased", {"option_sets": 1, "answers": 2, "files": 0}, "Erased 2 stored answers to 1 question of run Ann, for good."),
        (
            "run.erased",
            {"option_sets": None, "answers": 1, "files": 1},
            "Erased 1 stored answer to all questions and 1 file of run Ann, for good.",
        ),
        ("user.changed", {"changed": ["role"], "role": "editor"}, "Changed Ann: role, now editor."),
        ("session.opened", {}, "Ann signed in."),
        ("wizard.created", {"name": "\u202eevil"}, "Created the wizard “\u2068\u202eevil\u2069”."),
    ],
)  # fmt: skip
def test_a_deed_is_told_in_a_sentence(action: str, details: dict[str, object], sentence: str) -> None:
    assert deed_of(action, details, "Ann") == sentence


@pytest.mark.parametrize("action", sorted(known_actions()))
def test_a_deed_can_be_told_whatever_its_details_are(action: str) -> None:
    """An entry is read years after it was written: by a release that wrote other details."""
    assert deed_of(action, {}).strip()
    assert deed_of(action, {"answer": "john@example.com", "value": "blue"}).find("john") == -1


def test_an_action_of_another_release_is_named_as_it_is() -> None:
    assert deed_of("plan.applied", {}) == "plan.applied"


def test_every_subject_can_be_chosen_in_a_filter() -> None:
    assert {action.partition(".")[0] for action in known_actions()} == set(SUBJECTS)
