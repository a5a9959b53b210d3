"""A form that stores something has its effect once, whatever page it stands on."""

import re
from pathlib import Path

TEMPLATES = Path(__file__).parents[2] / "templates"
# Forms that need no key of that kind, by what they are posted to (or, without an address, the page).
WHY_NOT = {
    "{{ action }}": "the component of single buttons: what is pressed twice is so already, or is refused",
    "desk:import_reading": "says how a file is read: said twice it is the same",
    "desk:import_kind": "says what the rows of a file are: said twice it is the same",
    "desk:import_profile_delete": "gone is gone",
    "desk:complaint_find": "stores nothing",
    "desk:complaint_caller": "stores nothing",
    "desk:complaint_find_number": "stores nothing",
    "desk:complaint_stranger": "stores nothing",
    "desk:complaint_link": "stores nothing",
    "desk:complaint_files": "the same file again finds the first",
    "desk:complaint_upload_link": "each press makes a link, and the earlier ones end",
    "desk/complaints/upload.html": "the link takes files once",
    "{{ search_url }}": "stores nothing",
    "desk:complaint_new": "carries client_key, the key of the call, which also finds the case again",
    "desk:complaint_priorities_save": "a setting: saved twice it is the same",
    "desk:complaint_promises_save": "a setting: saved twice it is the same",
    "desk:complaint_member_change": "a setting: saved twice it is the same",
    "desk:todo_snooze": "put off to a day: said twice it is the same",
    "desk:tiers_draft": "the draft is stored whole, and refused when it was saved meanwhile",
    "desk/loyalty/draws/prizes.html": "the table is stored whole, and refused when it was saved meanwhile",
    "desk/letters/choices.html": "chosen twice it is the same",
    "desk/complaints/survey.html": "the link of a survey is answered once",
    "desk:label_take": "taken off twice it is off",
    "desk:label_give": "put on twice it is on",
    "desk:bulk_fetch": "the file is fetched once, and says so",
    "desk:bulk_results": "a file; each that is taken out is on record",
    "desk:audit_export": "a file; each that is taken out is on record",
}
FORM = re.compile(r"<form\b((?:[^>]|(?<=%)>)*)>(.*?)</form>", re.S)


def test_every_form_of_the_desk_carries_its_key_or_a_reason_why_not() -> None:
    bare = set()
    for path in [
        *(TEMPLATES / "desk").rglob("*.html"),
        *(TEMPLATES / "cotton").rglob("*.html"),
        TEMPLATES / "base.html",
    ]:
        page = re.sub(r"{% comment %}.*?{% endcomment %}", "", path.read_text(), flags=re.S)
        for opening, inside in FORM.findall(page):
            if 'method="post"' in opening and "{% once %}" not in inside:
                named = re.search(r"action=\"(?:{% url '([^']+)'|([^\"]*))", opening)
                bare.add(named[1] or named[2] if named else str(path.relative_to(TEMPLATES)))

    assert bare == set(WHY_NOT)
