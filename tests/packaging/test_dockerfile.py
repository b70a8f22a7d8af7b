"""The image's recipe: what can be proven of it without a container engine, its RUN lines carried out included."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.dockerfile import Stage, is_ignored, read_dockerfile

ROOT = Path(__file__).parents[2]
# Before any fixture empties it: a proxy or an index that this machine needs to reach the package index.
MACHINE = {name: value for name, value in os.environ.items() if re.search("(?i)proxy|^pip_|^uv_|^ssl_cert", name)}


def tracked() -> list[str]:
    """List the files that a fresh clone has."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [path for path in listed if (ROOT / path).is_file()]


def test_it_has_two_stages_of_one_tagged_image() -> None:
    build, final = read_dockerfile()
    assert build.name == "build"
    assert build.image == final.image
    assert re.fullmatch(r"[a-z./-]+:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?", final.image), "a tag that says a version"


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    _, final = read_dockerfile()
    user, _, group = final.one("USER").text.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    order = [found.name for found in final.instructions]
    assert order.index("USER") < order.index("ENTRYPOINT")


def test_it_starts_without_a_shell() -> None:
    _, final = read_dockerfile()
    assert final.one("ENTRYPOINT").exec_form == ["/opt/syncd/bin/syncd"]
    assert final.one("CMD").exec_form == ["run", "-c", "/etc/syncd/syncd.yaml"]
    assert not final.all("RUN")


def test_nothing_is_fetched_but_packages_with_hashes() -> None:
    stages = read_dockerfile()
    assert not [found for stage in stages for found in stage.all("ADD")]
    for run in (found.text for stage in stages for found in stage.all("RUN")):
        assert not re.search(r"https?:|curl|wget|apt-get|git ", run)
        if re.search(r"pip install|uv build", run):
            assert "--require-hashes" in run or "--offline --no-deps" in run
        assert not re.search(r"uv export", run) or "--no-hashes" not in run


def test_it_holds_no_secret() -> None:
    for stage in read_dockerfile():
        assert not stage.all("ARG")
        for found in stage.instructions:
            assert not re.search(r"(?i)token|password|secret_|api.?key", found.text)


def test_everything_it_copies_is_there_and_let_through() -> None:
    files = tracked()
    build, final = read_dockerfile()
    assert [copy.flags for copy in final.all("COPY")] == [{"from": "build"}]
    for copy in build.all("COPY"):
        for source in copy.words[:-1]:
            covered = [path for path in files if path == source or path.startswith(source + "/")]
            assert covered, f"{source} is not in the repository"
            assert not [path for path in covered if is_ignored(path)], f".dockerignore leaves out parts of {source}"


def test_nothing_else_reaches_the_build() -> None:
    build, _ = read_dockerfile()
    sources = [source for copy in build.all("COPY") for source in copy.words[:-1]]
    let_through = [path for path in tracked() if not is_ignored(path)]
    assert not [path for path in let_through if not path.startswith(tuple(sources))]
    for path in (
        ".git/config",
        ".venv/bin/python",
        "syncd/__pycache__/x.pyc",
        "tests/conftest.py",
        "syncd.yaml",
        ".env",
    ):
        assert is_ignored(path), path


def test_the_versions_of_uv_agree() -> None:
    said = re.findall(r"uv==([\d.]+)", (ROOT / "deploy/build-requirements.txt").read_text())
    assert set(said) == set(re.findall(r"uv==([\d.]+)", (ROOT / "Makefile").read_text()))


@pytest.fixture
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Carry the first stage out in a folder that stands for `/`, and give the folder."""
    build, _ = read_dockerfile()
    root = tmp_path_factory.mktemp("image")
    python = root / "usr/local"
    subprocess.run([sys.executable, "-m", "venv", python], check=True, capture_output=True)
    # The user's own cache of packages, since HOME is a folder of the tests.
    cache = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "uv"
    environment = {
        **MACHINE,
        "PATH": f"{python}/bin:/usr/bin:/bin",
        "HOME": str(root),
        "UV_CACHE_DIR": str(cache),
        "UV_LINK_MODE": "copy",
        **build.environment(),
    }
    folder = root
    for found in build.instructions:
        if found.name == "WORKDIR":
            folder = root / found.text.lstrip("/")
            folder.mkdir(parents=True)
        elif found.name == "COPY":
            copy(found.words, folder)
        else:
            assert found.name == "RUN"
            command = found.text.replace("/opt/syncd", str(root / "opt/syncd"))
            done = subprocess.run(
                ["/bin/sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"RUN {found.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return root


def copy(words: list[str], folder: Path) -> None:
    """Do what COPY does, with the files of a fresh clone that .dockerignore lets through."""
    *sources, destination = words
    for source in sources:
        for path in tracked():
            if is_ignored(path) or not (path == source or path.startswith(source + "/")):
                continue
            to = folder / destination / Path(path).relative_to(source if path != source else Path(path).parent)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, to)


def started(image: Path, final: Stage, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the image's entry point with arguments, in an environment that holds what the image sets and no more."""
    entry, *first = final.one("ENTRYPOINT").exec_form or [""]
    return subprocess.run(
        [str(image / entry.lstrip("/")), *first, *arguments],
        cwd=folder,
        env={**final.environment(), "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )


def listing(folder: Path) -> dict[str, int]:
    """Give every file and folder with the time of its last change."""
    return {str(path): path.lstat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.mark.timeout(600)
def test_the_recipe_gives_a_program_that_works_on_a_read_only_root(image: Path, tmp_path: Path) -> None:
    _, final = read_dockerfile()
    for name in ("syncd.yaml", "values.yaml"):
        shutil.copyfile(ROOT / "config/quickstart" / name, tmp_path / name)
    tmp_path.chmod(0o555)
    before = listing(image) | listing(tmp_path)
    version = started(image, final, tmp_path, "--version")
    assert (version.returncode, version.stdout.startswith("syncd ")) == (0, True), version.stderr
    checked = started(image, final, tmp_path, "check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    assert "3 mapping" in checked.stdout
    assert started(image, final, tmp_path, "diff").returncode == 1
    command = final.one("CMD").exec_form or []
    assert started(image, final, tmp_path, *command, "--help").returncode == 0
    missing = started(image, final, tmp_path, *command)
    assert missing.returncode == 3
    assert "/etc/syncd/syncd.yaml" in missing.stderr
    assert listing(image) | listing(tmp_path) == before, "something was written"
    assert_holds_adapters_and_no_tools(image / "opt/syncd/bin/python")


def assert_holds_adapters_and_no_tools(python: Path) -> None:
    code = (
        "import importlib.metadata as m; import hvac, boto3, azure.identity, azure.keyvault.secrets, kubernetes; "
        "print(*sorted(d.name.lower() for d in m.distributions()))"
    )
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    installed = set(done.stdout.split())
    assert {"syncd", "hvac", "boto3", "azure-identity", "kubernetes"} <= installed
    assert not installed & {"pytest", "mypy", "ruff", "moto", "pip", "uv", "hatchling"}
