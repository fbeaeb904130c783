import pandas as pd

from mer_utils.claims import CLAIMS, judge
from mer_utils.signatures import SIGNATURES, all_rules, all_verdicts


def judged():
    names = ["loss", "method", "target", "score", "dimension", "value", "low", "high"]
    rows = [
        (loss, method, "sd", "spearman", d, value, value - 0.1, value + 0.05)
        for loss, value in (("mse", 0.0), ("nll", -0.2))
        for method in ("single", "seed_ensemble")
        for d in ("valence", "arousal")
    ]
    return judge(pd.DataFrame(rows, columns=names))


def test_every_claim_belongs_to_a_signature():
    assert {key for s in SIGNATURES for key in s.claims} == {claim.key for claim in CLAIMS}
    assert len(SIGNATURES) == 5


def test_a_signature_takes_only_the_methods_it_speaks_of():
    rank = SIGNATURES[3].rows(judged()).query("claim == 'rank'")
    assert set(zip(rank["loss"], rank["method"], strict=True)) == {
        ("mse", "single"),
        ("kld", "single"),
    }


def test_verdicts_are_counted_beside_the_extreme_figures():
    table = SIGNATURES[4].verdict(judged())
    counted = "not testable 10 of 18, reproduced 8 of 18: not computed here"
    assert table["verdict"].tolist() == [counted]
    assert table[["smallest", "largest"]].values.tolist() == [[-0.2, 0.0]]


def test_tables_of_all_signatures_name_each_once():
    for table in (all_rules(), all_verdicts(judged())):
        named = [name for name in table["signature"] if name]
        assert [name[0] for name in named] == list("12345")
        assert len(table) == sum(len(s.claims) for s in SIGNATURES)
