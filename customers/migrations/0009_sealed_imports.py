"""The files of imports go from one clear column into sealed parts. A file is read and written part by part."""

import zlib

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Length, Substr

from core.lib.sealing import encrypt

PART = 1024 * 1024


def seal(apps, schema_editor):
    imports = apps.get_model("customers", "Import").objects
    chunks = apps.get_model("customers", "ImportChunk").objects
    for pk, size in imports.order_by("pk").values_list("pk", Length("content")):
        imports.filter(pk=pk).update(size=size)
        for number, start in enumerate(range(0, size, PART), start=1):
            plain = bytes(imports.filter(pk=pk).values_list(Substr("content", start + 1, PART), flat=True).get())
            sealed = encrypt(zlib.compress(plain, 1), use=b"imports", about=f"{pk}/{number}".encode())
            chunks.create(run_id=pk, number=number, sealed=sealed)


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0008_orders_that_wait"),
    ]

    operations = [
        migrations.AddField(
            model_name="import",
            name="size",
            field=models.BigIntegerField(default=0, help_text="Bytes of the file"),
        ),
        migrations.AddField(
            model_name="import",
            name="forgotten_at",
            field=models.DateTimeField(blank=True, help_text="When the file itself was deleted", null=True),
        ),
        migrations.CreateModel(
            name="ImportChunk",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("sealed", models.BinaryField()),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="chunks", to="customers.import"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "number"), name="import_chunk_once")],
            },
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
        migrations.RemoveField(model_name="import", name="content"),
    ]
