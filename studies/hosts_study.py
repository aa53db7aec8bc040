"""Which interval holds the ratio of a kind of hardware? `python -m studies.hosts_study`

Simulates hosts of a kind, each with a ratio of its own, and replicates on each; gives every candidate
interval the same data, and counts how often each holds the mean of all hosts of the kind, and how wide it
is. Seeded, one process, some minutes on one core. Writes `coverage.csv` and `tables.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from harness.analysis.blocks import FloatArray, Known
from studies.tables import markdown

SEED = 20100715
CONFIDENCE = 0.95

# Standard deviation of a replicate's log-ratio on one host, and those of hosts as multiples of it.
REPLICATE_SD = 0.02
HOST_SDS = (0.0, 1.0, 3.0)
HOSTS = (2, 3, 5, 8)

# Replicates a host: as many on each, or any number between the two, drawn for each host.
REPLICATES = {"4": (4, 4), "8": (8, 8), "4 to 8": (4, 8), "1 to 8": (1, 8)}

Deal = Callable[[np.random.Generator, int], FloatArray]


def normal(rng: np.random.Generator, hosts: int) -> FloatArray:
    return rng.normal(size=hosts)


def two_sorts(rng: np.random.Generator, hosts: int) -> FloatArray:
    """Half of all hosts are faster, half slower, by the same."""
    return rng.choice([-1.0, 1.0], hosts)


def odd_ones(rng: np.random.Generator, hosts: int) -> FloatArray:
    """One host in five is unlike the others: twice as far from the mean as the deviation, they half."""
    return np.where(rng.random(hosts) < 1 / 5, 2.0, -0.5)


# How hosts differ: (hosts,) deviations of mean 0 and standard deviation 1.
DEALS: dict[str, Deal] = {"normal": normal, "two sorts": two_sorts, "one in five is odd": odd_ones}


def replicates_alone(sample: FloatArray, _hosts: Sequence[str]) -> Known:
    """All replicates as if they were of one host."""
    return Known.of(sample)


def these_hosts(sample: FloatArray, hosts: Sequence[str]) -> Known:
    """The mean of the hosts that were measured."""
    return Known.here(sample, hosts)


def host_means(sample: FloatArray, hosts: Sequence[str]) -> Known:
    """Student's t on the hosts' means."""
    known = Known.of(sample, hosts)
    return Known(mean=known.mean, errors=known.errors[:1])


def larger_variance(sample: FloatArray, hosts: Sequence[str]) -> Known:
    """The larger of the variances between and within hosts, with its own degrees of freedom."""
    known = Known.of(sample, hosts)
    return Known(mean=known.mean, errors=(max(known.errors),))


CANDIDATES = {
    "replicates alone": replicates_alone,
    "these hosts": these_hosts,
    "larger variance": larger_variance,
    "host means": host_means,
    "chosen": Known.of,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How hosts differ, how much, how many there are, and how many replicates each has."""

    deal: str
    host_sd: float
    hosts: int
    replicates: str

    def drawn(self, rng: np.random.Generator) -> tuple[FloatArray, list[str]]:
        """(replicates,) log-ratios, whose mean over all hosts of the kind is 0, and the host of each."""
        least, most = REPLICATES[self.replicates]
        counts = rng.integers(least, most, self.hosts, endpoint=True)
        own = self.host_sd * REPLICATE_SD * DEALS[self.deal](rng, self.hosts)
        sample = np.repeat(own, counts) + rng.normal(0, REPLICATE_SD, counts.sum())
        return sample, np.repeat([str(host) for host in range(self.hosts)], counts).tolist()


def settings() -> Iterator[Setting]:
    for deal, host_sd, hosts, replicates in product(DEALS, HOST_SDS, HOSTS, REPLICATES):
        # Hosts that do not differ do so in one way.
        if host_sd > 0 or deal == next(iter(DEALS)):
            yield Setting(deal=deal, host_sd=host_sd, hosts=hosts, replicates=replicates)


def coverage(simulations: int) -> pd.DataFrame:
    """One row a setting and candidate."""
    rows = []
    for number, setting in enumerate(settings()):
        rng = np.random.default_rng([SEED, number])
        drawn = [setting.drawn(rng) for _ in range(simulations)]
        for name, candidate in CANDIDATES.items():
            known = [candidate(sample, hosts) for sample, hosts in drawn]
            rows.append({**_named(setting), "candidate": name, **_assessed(known)})
    return pd.DataFrame(rows)


def _named(setting: Setting) -> dict[str, object]:
    return {
        "hosts differ": setting.deal,
        "host sd": setting.host_sd,
        "hosts": setting.hosts,
        "replicates": setting.replicates,
    }


def _assessed(known: Sequence[Known]) -> dict[str, float]:
    """Share of intervals that hold the truth, with its Monte Carlo standard error, and their median width."""
    reaches = np.array([one.reach(CONFIDENCE) or 0.0 for one in known])
    share = float(np.mean(np.abs([one.mean for one in known]) <= reaches))
    return {
        "coverage": share,
        "coverage_error": float(np.sqrt(share * (1 - share) / len(known))),
        "half_width": float(np.median(np.expm1(reaches))),
    }


def tables(covered: pd.DataFrame) -> str:
    """Coverage and width of every candidate where hosts differ normally; of the chosen one, of all."""
    percent = covered.assign(**{name: 100 * covered[name] for name in ("coverage", "half_width")})
    usual = percent[percent["hosts differ"] == next(iter(DEALS))]
    chosen = percent[percent["candidate"] == "chosen"]
    of_all, of_one = ["candidate", "host sd"], ["hosts differ", "host sd"]
    sections = {
        "Coverage in percent, hosts that differ normally": _wide(usual, of_all, "coverage"),
        "Half-width in percent, of the same": _wide(usual, of_all, "half_width"),
        "Coverage of the chosen interval in percent, by how hosts differ": _wide(chosen, of_one, "coverage"),
    }
    told = "Lowest and highest over the numbers of replicates a host.\n"
    return "\n".join([told, *(f"## {title}\n\n{markdown(table)}" for title, table in sections.items())])


def _wide(rows: pd.DataFrame, index: list[str], values: str) -> pd.DataFrame:
    """A column a number of hosts: lowest and highest over the numbers of replicates."""
    extremes = rows.groupby([*index, "hosts"], sort=False)[values].agg(["min", "max"])
    shown = extremes.map("{:.1f}".format).agg(" to ".join, axis="columns").rename("shown").reset_index()
    wide = shown.pivot_table(index=index, columns="hosts", values="shown", aggfunc="first", sort=False)
    return wide.add_prefix("hosts: ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulations", type=int, default=10_000, help="kinds of hardware a setting")
    parser.add_argument("--out", type=Path, default=Path("docs/decisions/0013-hosts-are-blocks"))
    options = parser.parse_args()
    covered = coverage(options.simulations)
    options.out.mkdir(parents=True, exist_ok=True)
    covered.round(5).to_csv(options.out / "coverage.csv", index=False)
    (options.out / "tables.md").write_text(tables(covered))


if __name__ == "__main__":
    main()
