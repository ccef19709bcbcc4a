"""Names of folders in which some character means something to Python, delta-rs, Arrow or Spark."""

REFUSED = "[]^|\\*?{}"
ALLOWED = "".join(one for one in map(chr, range(32, 127)) if one not in f"/{REFUSED}")
OTHERS = ("é", "e\u0301", "日本", "😀", "\u00a0", "100%", "%zz", "_hidden", ".dot", "date=1", "~", "..x")
AWKWARD = ("".join(sorted(ALLOWED)), "".join(OTHERS))
"""All of them in one name; those that mean something to somebody also have a name of their own."""
MEANING = "%#:,;`'\""


def names() -> list[str]:
    return [*AWKWARD, *OTHERS, *(f"a{one}b" for one in MEANING)]
