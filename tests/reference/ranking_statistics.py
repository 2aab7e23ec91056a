"""Reference numbers for the statistics of candidates.

Prints JSON: `python ranking_statistics.py > statistics.json`, with the versions named in README.md. Every number comes from SciPy or
statsmodels, but for the best-of-n curve, which is enumerated: all choices of n of the candidates, one by one.
"""

import json
from fractions import Fraction
from itertools import combinations

from scipy.stats import binomtest, mannwhitneyu
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

DISCORDANT = [(0, 0), (0, 1), (0, 6), (1, 9), (5, 5), (7, 8), (10, 25), (59, 6), (121, 59), (300, 380), (1200, 1350), (4800, 5200)]
TABLE = [0.01, 0.04, 0.03, 0.005, 0.2, 0.03, 0.9, 0.0001]
WILSON = [(45, 50), (0, 20), (20, 20), (350, 350), (343, 350), (9771, 10000)]
SUPERIORITY = [
    ([0.91, 0.93, 0.93, 0.95], [0.90, 0.93, 0.94]),
    ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    ([0.5, 0.6, 0.7, 0.7, 0.8], [0.1, 0.2, 0.55, 0.7]),
]
# Right on the first and on the second half of the images, of 10 images each.
BEST_OF = [(7, 6), (9, 7), (9, 8), (5, 9), (8, 8), (7, 7)]


def exact(only_left, only_right):
    table = [[10, only_left], [only_right, 20]]
    p = float(mcnemar(table, exact=True).pvalue)
    total = only_left + only_right
    assert total == 0 or abs(p - binomtest(only_left, total).pvalue) < 1e-9
    return 1.0 if total == 0 else p


def best_of(n):
    """The mean right on the half that did not choose of the best of n, both ways, equally good ones sharing."""
    values = []
    for choose, report in [(0, 1), (1, 0)]:
        for chosen in combinations(BEST_OF, n):
            most = max(candidate[choose] for candidate in chosen)
            equals = [candidate[report] for candidate in chosen if candidate[choose] == most]
            values.append(Fraction(sum(equals), len(equals)))
    return float(sum(values) / len(values) / 10)


def superiority(left, right):
    return float(mannwhitneyu(left, right).statistic) / (len(left) * len(right))


print(json.dumps({
    "mcnemar": [{"only_left": b, "only_right": c, "p": exact(b, c)} for b, c in DISCORDANT],
    "holm": {"p": TABLE, "adjusted": [float(p) for p in multipletests(TABLE, method="holm")[1]]},
    "wilson": [
        {"correct": k, "total": n, "limits": [float(x) for x in proportion_confint(k, n, method="wilson")]} for k, n in WILSON
    ],
    "superiority": [{"left": a, "right": b, "probability": superiority(a, b)} for a, b in SUPERIORITY],
    "best_of": {"candidates": BEST_OF, "curve": [best_of(n) for n in range(1, len(BEST_OF) + 1)]},
}, indent=1))
