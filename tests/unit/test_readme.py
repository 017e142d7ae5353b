"""README.md shows what the commands print; `scripts/update-readme` puts it there."""

from tests.transcript import README, with_transcript


def test_transcript_is_real() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == with_transcript(readme)
    assert "2 of 3 replicas left" in readme
