"""`commerce`: everything one can do from a terminal."""

import rich_click as click

from commerce.commands.attach_programs import attach_programs
from commerce.commands.attach_rate import attach_rate
from commerce.commands.book import book
from commerce.commands.check import check
from commerce.commands.conformance import conformance
from commerce.commands.dead import dead
from commerce.commands.export import export
from commerce.commands.import_ import import_
from commerce.commands.keys import keys
from commerce.commands.migrate import migrate
from commerce.commands.openapi import openapi
from commerce.commands.options import Commands
from commerce.commands.payments import payments
from commerce.commands.prices import prices
from commerce.commands.promotions import promotions
from commerce.commands.run import run
from commerce.commands.serve import serve
from commerce.commands.stripe_sandbox import stripe_sandbox
from commerce.commands.work import work

COMMANDS: tuple[click.Command, ...] = (
    *(run, serve, work, migrate, import_, export, check, dead, payments, prices, promotions, book, attach_rate),
    *(attach_programs, keys, openapi, conformance, stripe_sandbox),
)
"""Every command there is; a new one is a module in commands/ and a name here."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="commerce")
def commerce() -> None:
    """One backend for a hardware brand's web shop, its stores and its launches."""


for each in COMMANDS:
    commerce.add_command(each)


def main() -> None:
    """Run what was typed."""
    commerce(prog_name="commerce")


if __name__ == "__main__":
    main()
