"""Takes the pictures of the agents' guide (`docs/guide-agents.md`) from the real console.

    opening    opens the town of the demo (`smsbot.demo.town.town_hall`) after its week, on loopback
    screens    the pages that the guide shows or mentions, and how to get there
    pictures   photographs a screen into a small PNG, whose description has the words on the screen

`./dev run python -m tools.agents_guide` takes them again. `tests/browser/test_agents_guide.py` fails when that is
needed.
"""
