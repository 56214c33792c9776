"""The command `chuanglv`: serve, work, migrate, deploy, check, export, people and tokens."""

import argparse
import getpass
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from service import demo, deployments, installations, jobs
from service.config import read_settings
from service.errors import AppError
from service.identity import commands, people, tokens
from service.system import System


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 refused with a clear text, 2 wrong usage)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        return int(options.run(options) or 0)
    except AppError as error:
        print(f"{error.text.zh}\n{error.text.en}", file=sys.stderr)
        for problem in error.facts.get("problems", []):
            print(_problem_line(problem), file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chuanglv", description="创绿：绿色单位创建审批系统 / green-unit campaign"
    )
    parser.add_argument("--data", type=Path, help="data directory (default: CHUANGLV_DATA or ./data)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the pages, the API and a worker")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--no-worker", action="store_true", help="a separate `chuanglv worker` does the jobs")
    serve.set_defaults(run=_serve)

    worker = commands.add_parser("worker", help="do due jobs: timers, messages, reminders")
    worker.add_argument("--threads", type=int, default=2)
    worker.set_defaults(run=_worker)

    migrate = commands.add_parser("migrate", help="make the database or bring it to the newest schema")
    migrate.add_argument(
        "--movable-clock", action="store_true", help="a new database whose clock may be moved"
    )
    migrate.set_defaults(run=_migrate)

    deploy = commands.add_parser("deploy", help="check a folder of procedure files and put it in force")
    deploy.add_argument("folder", type=Path)
    deploy.add_argument("--note", default="")
    deploy.set_defaults(run=_deploy)

    check = commands.add_parser("check", help="check a folder of procedure files")
    check.add_argument("folder", type=Path)
    check.set_defaults(run=_check)

    export = commands.add_parser("export", help="write the procedure in force to a folder")
    export.add_argument("folder", type=Path)
    export.set_defaults(run=_export)

    person = commands.add_parser(
        "person", help="people: add LOGIN, member LOGIN ROLE [ORGANISATION], list, roles, password LOGIN"
    )
    person.add_argument("action", choices=("add", "member", "list", "roles", "password"))
    person.add_argument("login", nargs="?")
    person.add_argument("role", nargs="?", help="see `person roles`")
    person.add_argument("organisation", nargs="?", help="code or id")
    person.add_argument("--name", help="full name (default: the login name)")
    person.set_defaults(run=_person)

    token = commands.add_parser("token", help="personal API tokens: create LOGIN")
    token.add_argument("action", choices=("create",))
    token.add_argument("login")
    token.add_argument("--label", default="command line")
    token.add_argument("--days", type=int, default=90)
    token.set_defaults(run=_token)

    show = commands.add_parser("demo", help="serve the demo city in a database of its own")
    show.add_argument("--host", default="127.0.0.1")
    show.add_argument("--port", type=int, default=8000)
    show.add_argument("--workflows", type=Path, default=Path("workflows"))
    show.add_argument("--fresh", action="store_true", help="throw the old demo away")
    show.set_defaults(run=_demo)
    return parser


def _serve(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    password = commands.first_administrator(system)
    if password is not None:
        print("首位管理员 / first administrator: admin")
        print(f"一次性口令 / one-time password: {password}", flush=True)
    return _run_server(system, options.host, options.port, with_worker=not options.no_worker)


def _run_server(system: System, host: str, port: int, *, with_worker: bool) -> int:
    # Imported here: every other command works without the pages.
    import waitress

    from web.app import create_app

    worker = jobs.Worker(system) if with_worker else None
    if worker is not None:
        worker.start()
    server = waitress.create_server(create_app(system), host=host, port=port, threads=8, ident="chuanglv")
    print(f"http://{host}:{port}/", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: server.close())
    try:
        server.run()
    except (KeyboardInterrupt, OSError):
        pass
    finally:
        if worker is not None:
            worker.stop()
        system.database.dispose()
    return 0


def _worker(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    worker = jobs.Worker(system, threads=options.threads)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    worker.start()
    print("worker running", flush=True)
    stop.wait()
    worker.stop()
    return 0


def _migrate(options: argparse.Namespace) -> int:
    made = installations.migrate(read_settings(options.data), movable_clock=options.movable_clock)
    print("数据库已建立 / database made" if made else "数据库已是最新 / database is up to date")
    return 0


def _deploy(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    files = deployments.read_folder(options.folder)
    done = deployments.publish(system, files, note=options.note, by=None)
    print(f"部署 {done.number} 已生效 / deployment {done.number} is in force ({len(files)} files)")
    return 0


def _check(options: argparse.Namespace) -> int:
    procedure = deployments.check(deployments.read_folder(options.folder))
    for one in procedure.problems:
        print(_problem_line(deployments.problem_facts(one)))
    errors = sum(one.severity == "error" for one in procedure.problems)
    print(
        f"{len(procedure.processes)} processes, {errors} errors, {len(procedure.problems) - errors} warnings"
    )
    return 0 if procedure.deployable else 1


def _export(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    with system.database.read() as connection:
        current = deployments.in_force(system, connection)
    print(f"{deployments.export(system.database, current, options.folder)} files -> {options.folder}")
    return 0


def _person(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    if options.action == "list":
        for one in people.list_people(system):
            print(f"{one.login}\t{one.name}\t{', '.join(one.roles)}")
        return 0
    if options.action == "roles":
        for code, label, seated in commands.roles(system):
            print(f"{code}\t{label.zh} / {label.en}{' (ORGANISATION)' if seated else ''}")
        return 0
    missing = "LOGIN" if options.login is None else "ROLE"
    if options.login is None or (options.action == "member" and options.role is None):
        print(f"{missing} is missing", file=sys.stderr)
        return 2
    if options.action == "add":
        password = os.environ.get("CHUANGLV_PASSWORD") or getpass.getpass("password: ")
        commands.add(system, options.login, options.name or options.login, password)
    elif options.action == "password":
        print(commands.reset_password(system, options.login))
    else:
        commands.add_membership(system, options.login, options.role, options.organisation)
    return 0


def _token(options: argparse.Namespace) -> int:
    system = installations.open_system(read_settings(options.data))
    print(tokens.create_by_command(system, options.login, label=options.label, days=options.days))
    return 0


def _demo(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    system, made = demo.open_demo(read_settings(options.data), options.workflows, fresh=options.fresh)
    if made:
        print(f"演示城市已建立 / demo city made in {time.monotonic() - begun:.1f} s", flush=True)
    for line in demo.people_lines(system):
        print(line)
    return _run_server(system, options.host, options.port, with_worker=True)


def _problem_line(problem: dict[str, object]) -> str:
    place = f"{problem['file']}:{problem['line'] or 1}"
    return f"{place}: {problem['severity']} [{problem['code']}] {problem['element'] or ''} {problem['text']}"


if __name__ == "__main__":
    sys.exit(main())
