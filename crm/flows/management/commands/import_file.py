"""Import a file of orders, customers, products or refunds."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from crm.flows.management.commands import import_orders
from customers.imports import fields


class Command(import_orders.Command, BaseCommand):
    help = (
        "Import a file (CSV, xlsx, xls, ods) of orders, customers, products or refunds, columns guessed. "
        "Exit status 1 when the file cannot be read or its columns are not understood; refused rows are counted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--kind", default="", choices=["", *fields.KINDS], help="what its rows are; else its columns decide"
        )
