"""What the sandbox holds back, each guard tried: with it the attack fails, without it the same attack works."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest

from runtime import Refused, RunRecord, prepare, run
from runtime.bubblewrap import make_missing, sandbox_for, unavailable
from runtime.sandbox import Access, Place, Sandbox
from runtime.workflow import JsonObject
from tests.sandboxes import needs_sandbox, sandbox_in

pytestmark = needs_sandbox


Words = tuple[str, ...]


def inside(
    sandbox: Sandbox, folder: Path, script: str, *, without: Sequence[Words] = (), env: dict[str, str] | None = None
) -> str:
    """What a shell in the sandbox prints, some guards left out of the options."""
    options = sandbox.options(str(folder), {b"PATH": b"/usr/bin:/bin:/usr/sbin"})
    argv = [sandbox.program, *left_out(list(map(os.fsdecode, options)), *without), "--", "/bin/sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env or {}, timeout=30)
    return done.stdout


def left_out(words: list[str], *guards: Words) -> list[str]:
    for guard in guards:
        (at,) = [at for at in range(len(words)) if tuple(words[at : at + len(guard)]) == guard]
        words = words[:at] + words[at + len(guard) :]
    return words


@dataclass(frozen=True)
class Attack:
    """A script that prints `yes` where it gets through, and the words of the guard that it should not get past."""

    script: str
    guard: Words
    privileged: bool = False  # only root gets through without the guard: for others the system itself keeps it


OUTSIDE = "test \"$(readlink /proc/self/ns/{})\" = '{}' && echo yes"


def in_namespace(kind: str, guard: str, *, privileged: bool = False) -> Attack:
    return Attack(OUTSIDE.format(kind, os.readlink(f"/proc/self/ns/{kind}")), (guard,), privileged)


ATTACKS = {
    "keeps the rights of root": in_namespace("user", "--unshare-user", privileged=True),
    "sees the processes of the machine": Attack(f"test -d /proc/{os.getpid()} && echo yes", ("--unshare-pid",)),
    "shares memory": in_namespace("ipc", "--unshare-ipc"),
    "shares the host's name": in_namespace("uts", "--unshare-uts"),
    "shares control groups": in_namespace("cgroup", "--unshare-cgroup"),
    "has capabilities": Attack(
        "grep -q 'CapEff:.*[1-9a-f]' /proc/self/status && echo yes", ("--cap-drop", "ALL"), True
    ),
    "is in the caller's session": Attack(
        "test \"$(cut -d' ' -f6 /proc/self/stat)\" = 0 && echo yes", ("--new-session",)
    ),
    "reads the environment": Attack('test -n "$A_KEY" && echo yes', ("--clearenv",)),
    "writes to an empty place": Attack("touch /new && echo yes", ("--remount-ro", "/")),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_each_guard_holds_what_would_get_through_without_it(attack: Attack, tmp_path: Path) -> None:
    works = "" if attack.privileged and os.geteuid() != 0 else "yes\n"
    sandbox, env = sandbox_in(tmp_path), {"A_KEY": "secret"}
    assert inside(sandbox, tmp_path, attack.script, env=env) == ""
    assert inside(sandbox, tmp_path, attack.script, env=env, without=[attack.guard]) == works


def test_the_machine_s_loopback_is_reached_only_with_the_network(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"python3 -ISc \"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))\""
        script = script.replace("python3", sys.executable) + " 2>/dev/null && echo yes"
        assert inside(sandbox_in(tmp_path), tmp_path, script) == ""
        assert inside(sandbox_in(tmp_path), tmp_path, script, without=[("--unshare-net",)]) == "yes\n"
        assert inside(sandbox_in(tmp_path, "network"), tmp_path, script) == "yes\n"
        assert inside(sandbox_in(tmp_path, "network:127.0.0.1"), tmp_path, script) == ""


def test_a_socket_without_a_file_is_not_reached(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind("\0plait-test-" + os.urandom(4).hex())
        server.listen()
        name = server.getsockname().decode()
        script = f"{sys.executable} -ISc 'import socket; socket.socket(socket.AF_UNIX).connect({json.dumps(name)})'"
        script = script.replace("\\u0000", "\\0") + " 2>/dev/null && echo yes"
        assert inside(sandbox_in(tmp_path), tmp_path, script) == ""
        assert inside(sandbox_in(tmp_path), tmp_path, script, without=[("--unshare-net",)]) == "yes\n"


def test_no_new_privileges_are_to_be_had(tmp_path: Path) -> None:
    assert inside(sandbox_in(tmp_path), tmp_path, "grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", "1"]


@pytest.fixture
def project(own_surroundings: Path) -> Path:
    """A folder in the home, and a secret beside it."""
    (own_surroundings / "secret").write_text("from the home")
    (folder := own_surroundings / "project").mkdir()
    (folder / "notes").write_text("from the project")
    return folder


def test_the_home_is_empty_but_for_the_working_directory(project: Path) -> None:
    script = f"cat notes; cat ../secret {project.parent}/secret; ls -A ..; ls -A ~"
    assert inside(sandbox_in(project), project, script) == "from the projectproject\n"


def test_the_home_is_empty_also_for_one_who_works_in_it_or_above_it(project: Path) -> None:
    home = project.parent
    for folder in (home, home.parent):
        assert inside(sandbox_in(folder), folder, f"ls -A {home}; touch {home}/new && echo written") == ""
        guard = [("--tmpfs", str(home)), ("--remount-ro", str(home))]
        found = inside(sandbox_in(folder), folder, f"ls -A {home}", without=guard)
        assert "secret" in found.split()


def test_one_may_work_at_the_root_and_see_no_home(project: Path) -> None:
    root = Path("/")
    script = f"test -d /var/lib && echo there; ls -A {project.parent} /tmp ~; touch /new && echo written"
    assert inside(sandbox_in(root), root, script).split("\n", 1)[0] == "there"
    assert "secret" not in inside(sandbox_in(root), root, script)
    assert "written" not in inside(sandbox_in(root), root, script)


def test_a_file_outside_is_not_there_unless_it_is_granted(tmp_path: Path, project: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("outside")
    script = f"cat {outside}; cat link"
    (project / "link").symlink_to(outside)
    assert inside(sandbox_in(project), project, script) == ""
    assert inside(sandbox_in(project, f"read:{outside}"), project, script) == "outsideoutside"
    assert inside(sandbox_in(project), project, "ls -d /var/lib") == ""
    assert inside(sandbox_in(project, "read"), project, "ls -d /var/lib") == "/var/lib\n"
    assert inside(sandbox_in(project, f"read:{outside}"), project, f"echo x > {outside}; cat {outside}") == "outside"


def test_the_keys_beside_the_workflow_are_not_read_unless_that_is_granted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A_KEY=canary")
    (tmp_path / "link").symlink_to(".env")
    script = "cat .env; cat link"
    assert inside(sandbox_in(tmp_path), tmp_path, script) == ""
    guard = [("--ro-bind", "/dev/null", str(tmp_path / ".env")), ("--remount-ro", str(tmp_path / ".env"))]
    assert inside(sandbox_in(tmp_path), tmp_path, script, without=guard) == "A_KEY=canary" * 2
    assert inside(sandbox_in(tmp_path, "read:.env"), tmp_path, script) == "A_KEY=canary" * 2


@pytest.mark.parametrize("secret", ["/etc/shadow", "/etc/ssl/private", "/root/.ssh", "/run/docker.sock", "/sys/kernel"])
def test_of_the_system_only_what_programs_need_is_there(tmp_path: Path, secret: str) -> None:
    assert inside(sandbox_in(tmp_path), tmp_path, f"ls -d {secret}") == ""


def test_nothing_can_be_written_but_in_granted_places_also_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path / "notes")
    (tmp_path / "link").symlink_to(tmp_path.parent)
    places = "out/a notes out/link link/b /usr/c /etc/d /run/e /tmp/f"
    script = f"for each in {places}; do echo x > $each && echo $each; done"
    own = ["link/b", "/run/e", "/tmp/f"]  # the first leads to what is a folder of the sandbox's own /tmp
    assert inside(sandbox_in(tmp_path, "write:out"), tmp_path, script).split() == ["out/a", *own]
    assert inside(sandbox_in(tmp_path), tmp_path, script).split() == own
    assert sorted(os.listdir(tmp_path)) == ["link", "out"]
    assert (tmp_path / "out" / "a").read_text() == "x\n"
    assert not any(Path(place).exists() for place in (tmp_path.parent / "b", "/usr/c", "/etc/d", "/run/e", "/tmp/f"))


def test_the_working_directory_is_kept_by_being_mounted_for_reading(tmp_path: Path) -> None:
    sandbox = sandbox_in(tmp_path)
    place = Place(PurePosixPath(tmp_path), Access.READ, ("--bind", str(tmp_path), str(tmp_path)))
    open_to_all = replace(sandbox, places=(*(each for each in sandbox.places if each.path != place.path), place))
    assert inside(sandbox, tmp_path, "touch new && echo yes") == ""
    assert inside(open_to_all, tmp_path, "touch new && echo yes") == "yes\n"


def test_a_granted_link_leads_to_the_folder_it_leads_to_and_no_other(tmp_path: Path) -> None:
    for name in ("real", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "out").symlink_to("real")
    script = "echo x > out/a; rm out; mkdir out; echo x > other/b; rmdir real; mv real elsewhere"
    inside(sandbox_in(tmp_path, "write:out/"), tmp_path, script)
    assert [sorted(os.listdir(tmp_path / name)) for name in ("real", "other")] == [["a"], []]


def test_the_folder_for_passing_things_is_the_process_s_own(tmp_path: Path) -> None:
    sandbox, other = sandbox_in(tmp_path), tmp_path.parent / "other"
    other.write_text("of another")
    script = f"cat {other}; echo x > /tmp/kept; echo y > ~/kept; cat /tmp/kept"
    assert inside(sandbox, tmp_path, script) == "x\n"
    assert inside(sandbox, tmp_path, "cat /tmp/kept ~/kept") == ""


def test_a_granted_place_that_is_not_there_is_made(tmp_path: Path) -> None:
    sandbox = sandbox_in(tmp_path, "write:out/sub/", "write:deep/result.txt", "write:plain")
    for _ in range(2):
        make_missing(sandbox)
    inside(sandbox, tmp_path, "echo a > out/sub/a; echo b > deep/result.txt; echo c > plain/c; echo d > deep/d")
    found = sorted(each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*") if each.is_file())
    assert found == ["deep/result.txt", "out/sub/a", "plain/c"]


def test_a_place_that_only_the_workflow_names_is_not_made(tmp_path: Path) -> None:
    sandbox = sandbox_for(["write:out/day.txt"], ["all"], tmp_path)
    make_missing(sandbox)
    assert not list(tmp_path.iterdir())


# --- the trial -------------------------------------------------------------------------------------------------------


def test_where_there_is_no_bubblewrap_or_one_that_fails_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert unavailable() == ("there is no program 'bwrap' on the path", "install bubblewrap")
    (program := tmp_path / "bwrap").write_text("#!/bin/sh\necho bwrap: no permissions >&2; exit 1\n")
    program.chmod(0o755)
    assert (missing := unavailable()) is not None
    assert missing.reason == f"{program} made none: bwrap: no permissions"
    assert "user namespaces" in missing.mend


def test_asked_for_and_not_there_it_is_refused_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    step: JsonObject = {"id": "a", "type": "shell", "params": {"command": "/usr/bin/touch ran"}}
    for allow in (["all"], []):
        with pytest.raises(Refused) as refused:
            prepare({"pipeline": [step]}, sandbox=True, allow=allow, directory=tmp_path)
        codes = [issue.code for issue in refused.value.issues]
        assert codes == (["sandbox_unavailable"] if allow else ["capability_denied", "sandbox_unavailable"])
    assert prepare({"pipeline": [step]}, allow=["all"], directory=tmp_path).sandbox is None


# --- runs ------------------------------------------------------------------------------------------------------------


def ran(folder: Path, *steps: JsonObject, allow: Sequence[str] = ()) -> RunRecord:
    document: JsonObject = {"pipeline": [*steps]}
    return asyncio.run(run(document, sandbox=True, allow=("shell", "code", *allow), directory=folder))


def test_a_key_reaches_no_step_by_its_own_environment_or_another_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "canary")
    command = "env; cat /proc/*/environ /proc/*/cmdline"
    source = "import os\ndef run():\n    return dict(os.environ)"
    record = ran(
        tmp_path,
        {"id": "a", "type": "shell", "params": {"command": command}},
        {"id": "b", "type": "code", "params": {"source": source}},
    )
    assert record.status == "succeeded"
    assert "canary" not in json.dumps(record.to_json())


def test_no_file_of_plait_s_is_open_in_a_step(tmp_path: Path) -> None:
    """What bubblewrap tells of the step goes by such a file, and must not be the step's to write."""
    record = ran(tmp_path, {"id": "a", "type": "shell", "params": {"command": "ls /proc/self/fd /proc/$$/fd"}})
    opened = {line for line in str((record.nodes["a"].outputs or {})["stdout"]).split() if line.isdecimal()}
    assert opened == {"0", "1", "2", "3"}  # the last is that of the listing itself


def test_a_variable_of_a_step_does_not_reach_bubblewrap_itself(tmp_path: Path) -> None:
    """What the dynamic loader obeys would run outside, before there is a sandbox."""
    env: JsonObject = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(tmp_path / "traced"), "GIVEN": "${a.result}"}
    record = ran(
        tmp_path,
        {"id": "a", "type": "transform", "params": {"value": "value"}},
        {"id": "b", "type": "shell", "params": {"command": "printf %s $GIVEN", "env": env}},
    )
    assert str((record.nodes["b"].outputs or {})["stdout"]).endswith("value")
    assert not list(tmp_path.iterdir())


def test_an_undo_runs_in_the_sandbox_as_well(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    undo: JsonObject = {"type": "shell", "params": {"command": "echo undone > out/undone; echo x > outside; true"}}
    record = ran(
        tmp_path,
        {
            "parallel": [
                {"id": "a", "type": "shell", "params": {"command": "true"}, "undo": undo},
                {"id": "b", "type": "shell", "params": {"command": "exit 1"}, "undo": undo},
            ],
            "on_error": "rollback",
        },
        allow=["write:out"],
    )
    assert record.status == "rolled_back"
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert os.listdir(tmp_path / "out") == ["undone"]


def test_a_file_that_a_step_of_plait_s_own_will_write_is_not_made_for_others(tmp_path: Path) -> None:
    """It would be there when the step takes note of what it found, and still be there after the rollback."""
    nothing: JsonObject = {"type": "shell", "params": {"command": "true"}}
    steps: list[JsonObject] = [
        {"id": "a", **nothing, "undo": nothing},
        {"id": "b", "type": "write_file", "params": {"path": "out/day.txt", "content": "x"}},
        {"id": "c", "type": "transform", "params": {"value": "${a.stdout.nowhere}"}},
    ]
    block: JsonObject = {"parallel": [{"pipeline": [*steps]}], "on_error": "rollback"}
    assert ran(tmp_path, block, allow=["write:out/day.txt"]).status == "rolled_back"
    assert not list(tmp_path.iterdir())
