# Short names for what one does often (https://just.systems). Each is one command; nothing needs just.

python := ".venv/bin/python"
compile := "uv pip compile --universal --python-version 3.11 --fork-strategy fewest --generate-hashes"

# What there is
default:
    @just --list

# A running mall with the demo's data: http://127.0.0.1:8000
dev *options:
    bin/demo {{options}}

# Python with the models at hand, on the demo's database while `just dev` runs
shell:
    {{python}} -m crm.demo.embedded exec -- {{python}} manage.py shell

# The tests without browser and killed processes, in parallel; or those you name
test-fast *paths:
    LAOKE_NO_BROWSER=1 bin/test {{ if paths == "" { "-q -n logical --maxprocesses 4 --dist loadfile --ignore tests/faults --ignore tests/reference" } else { paths } }}

# Everything CI asks
ci:
    .ci/run

# Write code and templates as they are kept
fmt:
    .venv/bin/ruff format
    .venv/bin/ruff check --fix
    .venv/bin/djangofmt templates

# What CI asks before any test runs
lint:
    .venv/bin/ruff format --check
    .venv/bin/ruff check
    .venv/bin/djangofmt --check templates
    .venv/bin/lint-imports --no-logo
    .venv/bin/deptry .
    {{python}} -m mypy

# Pictures of the main pages of a running demo, for docs/images
screenshots base="http://127.0.0.1:8000":
    .venv/bin/python bin/screenshots {{base}}

# Which texts lack a translation; the catalogues that were edited are compiled
strings:
    {{python}} -m tests.catalogues --compile

# The lock files, from requirements*.in
lock:
    {{compile}} requirements.in -o requirements.txt
    {{compile}} requirements-dev.in -o requirements-dev.txt
