"""Explanations of what became of a session: as long as older operators read them, and never without the advice."""

from oxy_core.instance.session_states import MAX_DETAIL, shortened, with_advice

DAMAGE = (
    "the session /data/session.db is damaged: *** in database main ***\nPage 3: btreeInitPage() returns error code 11"
)


def test_of_an_error_and_what_to_do_about_it_only_the_error_is_cut() -> None:
    advice = "Restore the newest backup. " * 7 + "Then run: oxy pair"
    detail = with_advice(DAMAGE, advice)
    assert (
        detail == f"the session /data/session.db is damaged: *** in database main *** Page 3: btreeInitPage()… {advice}"
    )
    assert len(detail) <= MAX_DETAIL
    for error in ("it is gone", "it is gone."):
        assert with_advice(error, "Run: oxy pair") == "it is gone. Run: oxy pair"


def test_a_text_is_cut_between_two_words_and_says_so() -> None:
    assert shortened("one two three", 13) == "one two three"
    assert shortened("one two three", 12) == "one two…"
    assert shortened("one two three", 8) == "one two…"
    assert shortened("one two three", 7) == "one…"
    assert shortened("x" * (MAX_DETAIL + 1)) == "x" * (MAX_DETAIL - 1) + "…"
