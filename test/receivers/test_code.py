"""The example in Python reads as its community expects."""

import subprocess

import pytest
from harness import EXAMPLES


@pytest.mark.parametrize(
  "checker", (("flake8",), ("mypy", "--strict")), ids=("pep8", "types")
)
def test_python_example(checker, tmp_path):
  files = sorted((EXAMPLES / "fastapi").glob("*.py"))
  assert files
  result = subprocess.run(
    ["/usr/bin/python3", "-B", "-m", *checker, *files],
    cwd=tmp_path,
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stdout + result.stderr
