"""What the API takes for a country, the exchange takes for one, and the other way round."""

from pathlib import Path

import pytest

from commerce.exchange.export_folder import export_folder
from commerce.exchange.faults import FolderRefused
from commerce.exchange.import_folder import import_folder
from commerce.kernel.access import Role
from commerce.kernel.countries import country_codes
from commerce.kernel.db import Database
from tests.conftest import Callers, problem
from tests.exchange_folders import SHOP, changed, write_folder

NO_COUNTRIES = ["EL", "XI", "ZZ", "UK", "EU", "de", "D", "DE\n", ""]
MARKET = {"currency": "EUR", "prices_include_tax": True, "time_zone": "Europe/Athens"}
PLACE = {"kind": "store", "name": "Store", "market": "de"}


@pytest.mark.parametrize("code", NO_COUNTRIES)
async def test_what_is_no_country_is_refused_at_every_door(
    db: Database, callers: Callers, tmp_path: Path, code: str
) -> None:
    await import_folder(db, write_folder(tmp_path / "1", SHOP))
    office = await callers(Role.OPERATOR)

    answers = [
        await office.post("/v1/markets", {**MARKET, "code": "new", "countries": ["GR", code]}),
        await office.send("PATCH", "/v1/markets/de", {"countries": [code]}),
        await office.post("/v1/locations", {**PLACE, "code": "new", "country": code}),
        await office.post("/v1/customers", {"email": "new@example.com", "country": code}),
    ]
    files = {**changed("locations", country={0: code}), "markets": [["de", "EUR", code, "true", "Europe/Berlin"]]}
    with pytest.raises(FolderRefused) as refused:
        await import_folder(db, write_folder(tmp_path / "2", files))

    assert [problem(answer) for answer in answers] == [(400, "invalid_input")] * 4
    assert [answer.json()["errors"][0]["field"] for answer in answers] == [
        "countries[1]",
        "countries[0]",
        "country",
        "country",
    ]
    assert [(fault.file, fault.column) for fault in refused.value.errors] == [
        ("markets.csv", "countries"),
        ("locations.csv", "country"),
    ]


async def test_every_country_goes_in_by_the_api_out_as_a_file_and_in_again(
    db: Database, callers: Callers, tmp_path: Path
) -> None:
    office = await callers(Role.OPERATOR)
    codes = sorted(country_codes())

    for begin in range(0, len(codes), 100):
        body = {**MARKET, "code": f"m{begin}", "countries": codes[begin : begin + 100]}
        assert (await office.post("/v1/markets", body)).status_code == 201
    await export_folder(db, tmp_path / "out")

    assert len(codes) == 249
    assert (await import_folder(db, tmp_path / "out")).files["markets"].unchanged == 3
