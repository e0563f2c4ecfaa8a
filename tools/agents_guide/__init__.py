"""The pictures of the agents' guide (`docs/guide-agents.md`), taken of the real console.

    opening    the town of the demo (`smsbot.demo.town.town_hall`) after its week, with its pages on loopback
    screens    the pages that the guide shows or speaks of, and how they are reached
    pictures   photographs a screen into a small PNG that remembers which words it shows

`./dev run python -m tools.agents_guide` takes them anew; `tests/browser/test_agents_guide.py` tells when that is due.
"""
