import re
from pathlib import Path

from playwright.sync_api import Browser, expect
from tests.pages_kit import PASSWORD
from tests.served import serving


def test_a_new_installation_prints_an_address_where_its_first_admin_is_made(browser: Browser, tmp_path: Path) -> None:
    with serving({"KEEPSTEP_HOME": str(tmp_path / "h")}, "", tmp_path / "log") as server:
        printed = re.search(r"http://\S+/setup\?token=\S+", server.log.read_text())
        assert printed
        context = browser.new_context()
        page = context.new_page()
        page.goto(printed[0])
        page.get_by_label("Your name").fill("Grace")
        page.get_by_label("E-mail address").fill("grace@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("heading", name="No wizards yet")).to_be_visible()
        page.goto(printed[0])
        page.wait_for_url(re.compile(r"/$"))
        context.close()
