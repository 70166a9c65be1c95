"""The addresses that the console's bench reads from a page's own forms, tabs and pager."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from bench.console_filters import MOST_TWOS, PAGES_ON, filtered

PAGE = """
<a href="/console/jobs?state=running">Running</a> <a href="/console/tickets?status=open">elsewhere</a>
<form method="get" action="/console/jobs"><input type="hidden" name="sort" value="id">
<select name="state"><option value="">Any</option><option value="available">A</option><option value="gone" selected>G
</option></select>
<input type="text" name="tag" value="bench"><input type="checkbox" name="mine" value="1"></form>
<form method="post" action="/console/jobs"><input type="text" name="reason"></form>
<a rel="next" href="/console/jobs?cursor=2">Next</a>
"""


def found(pages: dict[str, str], otherwise: str | None = "") -> list[str]:
    return list(filtered("/console/jobs", lambda address: pages.get(address, otherwise)))


def test_each_choice_alone_and_in_twos_with_what_is_rare() -> None:
    asked = [parse_qs(urlsplit(address).query) for address in found({"/console/jobs": PAGE})]
    assert asked[:3] == [{}, {"cursor": ["2"]}, {"state": ["running"]}]
    of_form = [{name: one for name, (one,) in query.items() if name != "sort"} for query in asked[3:]]
    states = [{"state": "available"}, {"state": "gone"}]
    assert of_form[:4] == [*states, {"tag": "quagga"}, {"mine": "1"}]
    assert of_form[4:6] == [state | {"tag": "quagga"} for state in states]
    assert len(of_form) == 9
    assert all(query["sort"] == ["id"] for query in asked[3:])


def test_it_follows_the_next_rows_so_far() -> None:
    pages = {
        f"/console/jobs?cursor={n}": f'<a rel="next" href="/console/jobs?cursor={n + 1}">Next</a>' for n in range(99)
    }
    assert len(found({"/console/jobs": pages["/console/jobs?cursor=0"], **pages})) == 2 + PAGES_ON


def test_it_tries_no_more_twos_than_it_may_and_leaves_out_what_is_no_page() -> None:
    options = "".join(f'<option value="{n}">{n}</option>' for n in range(50))
    names = [f"<select name={name}>{options}</select>" for name in "abcdef"]
    page = f"<form>{''.join(names)}</form>"
    assert 1 + 300 < len(found({"/console/jobs": page})) <= 1 + 300 + MOST_TWOS
    assert found({"/console/jobs": page}, otherwise=None) == ["/console/jobs"]
    assert found({}, otherwise=None) == []
