from chimera.bus.backoff import Backoff, BackoffPolicy


def test_backoff_grows_to_its_cap_and_starts_anew_after_reset() -> None:
    backoff = Backoff(BackoffPolicy(initial_ms=100, cap_ms=400))

    pauses = [backoff.next_s() for _ in range(5)]
    backoff.reset()

    for pause, full in zip(
        [*pauses, backoff.next_s()], [0.1, 0.2, 0.4, 0.4, 0.4, 0.1], strict=True
    ):
        assert full / 2 <= pause <= full


def test_policy_pauses_one_time_less_than_it_attempts() -> None:
    assert len(list(BackoffPolicy(attempts=4).delays_s())) == 3
