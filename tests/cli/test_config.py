import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keepstep.cli.exits import EXIT_CODES, FINDINGS
from keepstep.config import DEFAULTS, MEGABYTE, secret_in, secret_of, settings_from
from keepstep.errors import SettingInvalid

OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


def test_without_any_setting_everything_has_a_value() -> None:
    settings = settings_from({})
    assert (settings.zone, settings.max_body, settings.database_url) == ("UTC", 10 * MEGABYTE, None)
    assert settings.home.is_absolute()
    assert settings == settings_from({"KEEPSTEP_ZONE": "  ", "KEEPSTEP_DATABASE_URL": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEPSTEP_ZONE", "Mars/Base"),
        ("KEEPSTEP_ZONE", "../etc/passwd"),
        ("KEEPSTEP_MAX_BODY", "0"),
        ("KEEPSTEP_MAX_BODY", "ten"),
        ("KEEPSTEP_MAX_FILE", "-1"),
        ("KEEPSTEP_POOL_SIZE", "1.5"),
        ("KEEPSTEP_BASE_URL", "forms.example.org"),
        ("KEEPSTEP_BASE_URL", "https://forms.example.org/?a=b"),
        ("KEEPSTEP_SECRET_KEY", "short"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        settings_from({name: value})


BUCKET = {"KEEPSTEP_FILES": "s3://uploads/keep/step/", "KEEPSTEP_S3_KEY_ID": "id", "KEEPSTEP_S3_SECRET": "much too secret"}


def test_files_are_in_the_home_or_in_a_bucket_whose_secret_is_not_shown() -> None:
    assert settings_from({}).bucket is None
    settings = settings_from(BUCKET)
    assert settings.bucket is not None
    assert (settings.bucket.name, settings.bucket.prefix, str(settings.bucket)) == ("uploads", "keep/step", "s3://uploads/keep/step")
    assert "much too secret" not in repr(settings)
    plain = settings_from({"KEEPSTEP_FILES": "s3://uploads"}).bucket
    assert plain is not None
    assert (plain.prefix, plain.key_id, str(plain)) == ("", None, "s3://uploads")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("KEEPSTEP_FILES", value)
            for value in ("uploads", "s3://", "s3://UP", "https://b/c", "s3://abc/../d", "s3://abc//d", "s3://abc/d?x=1")
        ),
        *(
            ("KEEPSTEP_S3_ENDPOINT", value)
            for value in ("http://10.0.0.1:9000", "s3.example.org", "https://a:b@s3.example.org", "file:///etc")
        ),
        ("KEEPSTEP_S3_SECRET", ""),
        ("KEEPSTEP_S3_KEY_ID", ""),
    ],
)
def test_a_bucket_that_cannot_be_used_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name) as caught:
        settings_from({**BUCKET, name: value})
    assert "much too secret" not in str(caught.value.detail)


OIDC = {"KEEPSTEP_OIDC_ISSUER": "https://accounts.example.org", "KEEPSTEP_OIDC_CLIENT_ID": "keepstep"}


def test_without_an_issuer_there_is_no_provider_and_with_one_nobody_is_let_in_whom_no_admin_added() -> None:
    assert settings_from({"KEEPSTEP_OIDC_ROLE": "editor"}).oidc is None
    found = settings_from(OIDC).oidc
    assert found is not None
    assert (found.client_secret, found.name, found.domains, found.role) == (None, "Single sign-on", None, None)


def test_the_domains_of_a_provider_are_a_list_or_a_star() -> None:
    given = settings_from({**OIDC, "KEEPSTEP_OIDC_DOMAINS": " Example.org, @sub.example.org ,", "KEEPSTEP_OIDC_ROLE": "analyst"}).oidc
    every = settings_from({**OIDC, "KEEPSTEP_OIDC_DOMAINS": "*", "KEEPSTEP_OIDC_ROLE": "editor"}).oidc
    assert given is not None
    assert every is not None
    assert (given.domains, given.role, every.domains) == (frozenset({"example.org", "sub.example.org"}), "analyst", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEPSTEP_OIDC_ISSUER", "http://accounts.example.org"),
        ("KEEPSTEP_OIDC_ISSUER", "accounts.example.org"),
        ("KEEPSTEP_OIDC_ISSUER", "https://user@accounts.example.org"),
        ("KEEPSTEP_OIDC_CLIENT_ID", ""),
        ("KEEPSTEP_OIDC_ROLE", "admin"),
        ("KEEPSTEP_OIDC_ROLE", "analyst"),
    ],
)
def test_a_provider_that_is_set_badly_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=name):
        settings_from({**OIDC, name: value})


def test_what_is_secret_is_not_shown() -> None:
    settings = settings_from({"KEEPSTEP_SECRET_KEY": "s" * 40, "KEEPSTEP_DATABASE_URL": "postgresql://u:hidden@h/d"})
    assert "hidden" not in repr(settings)
    assert "hidden" not in repr(settings_from({**OIDC, "KEEPSTEP_OIDC_CLIENT_SECRET": "hidden"}))
    assert "sss" not in repr(settings)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    made = secret_in(home)
    assert made == secret_in(home)
    assert len(made) >= 32
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["secret.key"]


def test_many_who_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = set(threads.map(secret_in, [tmp_path / "home"] * 64))
    assert len(made) == 1


def test_a_secret_that_is_set_is_the_one_used_and_none_is_kept(tmp_path: Path) -> None:
    settings = settings_from({"KEEPSTEP_HOME": str(tmp_path), "KEEPSTEP_SECRET_KEY": "s" * 32})
    assert secret_of(settings) == b"s" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_secret_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("")
    with pytest.raises(SettingInvalid, match="too short"):
        secret_in(tmp_path)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingInvalid, match="KEEPSTEP_HOME"):
        secret_in(tmp_path / "file" / "home")


def test_every_setting_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(KEEPSTEP_\w+)` \| ([^|]+) \|", OPERATIONS, re.MULTILINE))
    assert set(documented) == set(DEFAULTS)
    assert [name for name, default in DEFAULTS.items() if default and f"`{default}`" != documented[name].strip()] == []


def test_every_exit_code_is_documented_with_its_kinds() -> None:
    rows = dict(re.findall(r"^\| (\d) \| ([^|]+) \|", OPERATIONS, re.MULTILINE))
    assert set(rows) == {str(code) for code in (0, 2, FINDINGS, *EXIT_CODES.values())}
    assert [kind for kind, code in EXIT_CODES.items() if f"`{kind}`" not in rows[str(code)]] == []
