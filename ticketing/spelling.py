"""How near two words are, and which of several is meant by a misspelt one; pure rules."""

from __future__ import annotations

from collections.abc import Mapping

# Below this share of common trigrams two words are not alike (pg_trgm's own limit).
ALIKE = 0.3
# Of words that are only alike, those at least so near as the nearest one.
NEARLY_AS_ALIKE = 0.8
MOST_MEANT = 8


def distance(one: str, other: str) -> int:
    """Return how many letters to put in, leave out, exchange or swap with their neighbour to get the other word."""
    before_above: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, other_letter in enumerate(other, 1):
            cheapest = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other_letter))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == other_letter:
                cheapest = min(cheapest, before_above[j - 2] + 1)
            row.append(cheapest)
        before_above, above = above, row
    return above[-1]


def slips_allowed(word: str) -> int:
    """Return how many wrong letters a word of this length may have and still be recognised."""
    return min(1 + len(word) // 6, 3)


def meant_by(word: str, candidates: Mapping[str, float]) -> list[str]:
    """Return the words that a misspelt one may mean, the likeliest first; none if nothing is near.

    `candidates` are words with their trigram similarity, 0 to 1. Those the fewest slips away win, up to what the
    word's length allows; where none is so near, those that share the most trigrams.
    """
    slips = {candidate: distance(word, candidate) for candidate in candidates}
    fewest = min(slips.values(), default=0)
    if candidates and fewest <= slips_allowed(word):
        near = [candidate for candidate in candidates if slips[candidate] == fewest]
    else:
        limit = max(ALIKE, NEARLY_AS_ALIKE * max(candidates.values(), default=0))
        near = [candidate for candidate, similarity in candidates.items() if similarity >= limit]
    return sorted(near, key=lambda candidate: (-candidates[candidate], candidate))[:MOST_MEANT]
