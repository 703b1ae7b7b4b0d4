"""Full-text search finds words of Japanese as well as of English."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prompt_history.exporter.stores.words import index_text, match_query

Search = Callable[[str, str], bool]


@pytest.fixture(scope="module")
def matches() -> Iterator[Search]:
    """Whether a query finds a text, by SQLite's own full-text search."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5 (text, tokenize = 'unicode61')")

    def search(text: str, query: str) -> bool:
        connection.execute("DELETE FROM t")
        connection.execute("INSERT INTO t VALUES (?)", (index_text(text),))
        return bool(connection.execute("SELECT 1 FROM t WHERE t MATCH ?", (match_query(query),)).fetchall())

    yield search
    connection.close()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("東京都の天気", "都"),
        ("東京都の天気", "気"),
        ("東京都の天気", "東京"),
        ("東京都の天気", "京都"),
        ("東京都の天気", "天気"),
        ("東京都の天気", "東京都の天気"),
        ("契約を解除する", "契約 解除"),
        ("プロンプト履歴", "ﾌﾟﾛﾝﾌﾟﾄ"),
        ("ﾌﾟﾛﾝﾌﾟﾄ履歴", "プロンプト"),
        ("ＧＰＴ－５で実行", "gpt-5"),
        ("GPT-5で実行", "ｇｐｔ－５"),
        ("GPT-5で実行", "5で実"),
        ("第3章を読む", "第3章"),
        ("日本GPT協会", "本GPT協"),
        ("人々の〇〇", "人々"),
        ("𠮷野家の牛丼", "𠮷野"),
        ("한국어 문서", "국어"),
        ("「返金」をお願い", "返金"),
        ("ウェブ・サービス", "ウェブ・サービス"),
        ("か\u3099き\u3099", "がぎ"),
        ("Refund the order #8812-A", "refund"),
        ("Refund the order #8812-A", "8812-a"),
        ("Refund the order #8812-A", '"the order"'),
        ("snake_case_name", "snake_case_name"),
        ("naïve café", "CAFÉ"),
        ('say "hello" NOT', "NOT hello"),
        ("a OR b", "OR"),
        ("NEAR(a b)", "NEAR(a b)"),
        ("col:value", "col:value"),
    ],
)
def test_found(matches: Search, text: str, query: str) -> None:
    assert matches(text, query)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("東京、京都", "東京都"),
        ("東京都", "都東"),
        ("返却金", "返金"),
        ("refunds", "refund"),
        ("order the", '"the order"'),
        ("only one", "one two"),
        ("abc", "a*"),
        ("日本", "日本 OR 中国"),
    ],
)
def test_not_found(matches: Search, text: str, query: str) -> None:
    assert not matches(text, query)


@pytest.mark.parametrize("query", ["", " ", "!!!", '"', '""', "_", "。、"])
def test_no_words(query: str) -> None:
    assert match_query(query) == ""


CJK = st.text(st.sampled_from("東京都返金契約プロンプトーのをがぎ々𠮷한국"), min_size=1, max_size=12)
WORDS = st.text(st.sampled_from("aB9éＡ"), min_size=1, max_size=5)
PUNCTUATION = st.sampled_from([" ", "、", "-", "\n", '"', "*", "(", "^", "ー、", "・", "\0", "#"])


@given(st.lists(CJK | WORDS | PUNCTUATION, min_size=1, max_size=6), st.data())
def test_every_word_and_every_piece_of_cjk_is_found(matches: Search, parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    run = data.draw(st.sampled_from(parts))
    if all("\u3000" < char < "\ufb00" or char == "𠮷" for char in run) and not run.startswith("・"):
        begin = data.draw(st.integers(0, len(run) - 1))
        query = run[begin : data.draw(st.integers(begin + 1, len(run)))]
        assume(match_query(query))
        assert matches(text, query)
    assume(match_query(text))
    assert matches(text, text)


@given(st.text(max_size=20))
def test_no_query_is_a_syntax_error(matches: Search, query: str) -> None:
    if match_query(query):
        matches("text", query)
