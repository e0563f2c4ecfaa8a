"""The pictures of the agents' guide (`docs/guide-agents.md`), taken of the real console.

    people     who lives and works in a made-up town
    town       what they do, through the real service's doors
    week       what happens there, until a Tuesday morning; `past_year` the two years before, for the figures
    opening    the town with its pages on loopback
    screens    the pages that the guide shows or speaks of, and how they are reached
    pictures   photographs a screen into a small PNG that remembers which words it shows

`./dev run python -m tools.agents_guide` takes them anew; `tests/browser/test_agents_guide.py` tells when that is due.
"""
