"""Which events were seen."""

from __future__ import annotations

from lipwire.bookmark import Bookmark


def test_what_is_told_twice_is_news_once() -> None:
    bookmark = Bookmark(4)
    assert not bookmark.is_news(4)
    assert bookmark.is_news(5)
    assert not bookmark.is_news(5)
    assert bookmark.after == 5


def test_without_a_number_it_begins_behind_the_newest() -> None:
    bookmark = Bookmark(None)
    bookmark.begin(7)
    assert bookmark.after == 7
    assert bookmark.is_news(8)


def test_with_a_number_it_begins_there() -> None:
    bookmark = Bookmark(3)
    bookmark.begin(7)
    assert bookmark.after == 3
    assert bookmark.is_news(4)


def test_it_is_caught_up_once_all_that_was_missed_is_told() -> None:
    bookmark = Bookmark(1)
    assert bookmark.caught_up
    bookmark.repeat_to(3)
    assert bookmark.is_news(2) and not bookmark.caught_up
    assert bookmark.is_news(3) and bookmark.caught_up


def test_where_the_count_begins_anew_small_numbers_are_news() -> None:
    bookmark = Bookmark(900)
    bookmark.restart()
    assert bookmark.is_news(1)
    assert not bookmark.is_news(1)
