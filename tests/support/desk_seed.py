"""``python -m tests.support.desk_seed``: tell a story to a running platform's store and streams.

The same seed tells the same story, so that a later call goes on where an earlier one ended: at the bar it printed.
"""

import argparse
import asyncio

import django


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--from-bar", type=int, default=0)
    parser.add_argument("--bars", type=int, default=0)
    parser.add_argument("--until", choices=("open", "flat"))
    parser.add_argument("--without-stops", action="store_true")
    parser.add_argument("--alert", metavar="DETAIL")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    django.setup()

    from chimera.store.shared import shared_store
    from tests.support.builders import Story, alert

    story = Story(with_stops=not options.without_stops).run(options.from_bar)
    writes, events = len(story.writes), len(story.events)
    told = options.bars
    story.run(told)
    while options.until and bool(story.position.qty) != (options.until == "open"):
        story.step()
        told += 1
    shared_store().write(story.writes[writes:])
    if options.alert:
        shared_store().write([alert(options.alert, story.now)])
    if options.publish:
        asyncio.run(_publish(story.events[events:]))
    print(options.from_bar + told)


async def _publish(events: list) -> None:
    from django.conf import settings

    from chimera.bus import Outgoing, open_bus
    from chimera.events import encode, stream_of

    bus = open_bus(settings.REDIS_URL, producer="story")
    await bus.publish([Outgoing(stream_of(event), encode(event)) for event in events])
    await bus.close()


if __name__ == "__main__":
    main()
